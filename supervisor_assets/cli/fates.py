"""What became of each file, in rows that a person or a script can read."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from supervisor_assets.cli import say
from supervisor_core.keys import Fingerprint, IntakeKey, media_id
from supervisor_core.reasons import Reason
from supervisor_core.states import Arrival
from supervisor_core.store import Connection
from supervisor_core.store.arrivals import arrivals_of
from supervisor_core.store.progress import Item, summarise

COLUMNS = ("file", "state", "level", "verified", "reason", "intake")


@dataclass(frozen=True)
class Fate:
    """One file and how far it came; `file` is the user's own word for it."""

    file: str
    intake: IntakeKey | None
    state: str
    level: str | None = None
    verification: str | None = None
    verified: bool = False
    reason: Reason | None = None
    media: str | None = None
    output: str | None = None

    @property
    def row(self) -> Sequence[object]:
        """The row of a table."""
        return (
            self.file,
            self.state,
            self.level,
            "yes" if self.verified else "no",
            self.reason.value if self.reason else None,
            self.intake,
        )

    @property
    def told(self) -> dict[str, Any]:
        """The object of a JSON answer."""
        return asdict(self) | words(self.reason)


def words(reason: Reason | None) -> dict[str, str | None]:
    """A reason as a JSON answer tells it."""
    return {
        "reason": reason.value if reason else None,
        "message": reason.sentence if reason else None,
        "next_step": reason.next_step if reason else None,
    }


def not_copied(file: str, reason: Reason) -> Fate:
    """The fate of a file that could not even be copied into the inbox."""
    return Fate(file, None, Arrival.REFUSED.value, reason=reason)


def of_intake(
    connection: Connection, intake: IntakeKey, names: Mapping[Fingerprint, str] | None = None
) -> list[Fate]:
    """The fates of an intake's files; `names` are the user's words for them by fingerprint.

    Without names they are numbered; with names, only those are told of.
    """
    summary = summarise(connection, intake)
    fingerprints = {one.ordinal: one.fingerprint for one in arrivals_of(connection, intake)}
    fates = []
    for item in summary.items if summary else ():
        name = (
            f"file {item.ordinal + 1}" if names is None else names.get(fingerprints[item.ordinal])
        )
        if name is not None:
            fates.append(_fate(name, intake, item))
    return fates


def _fate(name: str, intake: IntakeKey, item: Item) -> Fate:
    return Fate(
        file=name,
        intake=intake,
        state=item.arrival.value,
        level=item.level.value if item.level else None,
        verification=item.verification.value if item.verification else None,
        verified=item.verified,
        reason=item.reason,
        media=media_id(item.media.media) if item.media else None,
        output=item.output.path if item.output and item.verified else None,
    )


def show(fates: Sequence[Fate]) -> None:
    """Prints the table, then each reason once with what to do, then what is not anonymized."""
    say.table(COLUMNS, [fate.row for fate in fates])
    for reason, count in sorted(reasons(fates).items()):
        say.note(f"{reason} ({count}): {reason.sentence} {reason.next_step}")
    say.more(reasons(fates))
    open_ones = [fate for fate in fates if not fate.verified]
    refused = sum(fate.state == Arrival.REFUSED for fate in open_ones)
    if refused:
        say.note(f"{refused} of {len(fates)} files were refused.")
    if len(open_ones) > refused:
        say.note(f"{len(open_ones) - refused} of {len(fates)} files are NOT ANONYMIZED.")


def reasons(fates: Iterable[Fate]) -> Mapping[Reason, int]:
    """How many files have which reason."""
    return Counter(fate.reason for fate in fates if fate.reason)
