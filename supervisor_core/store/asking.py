"""What people ask for of many media at once: enriched, cleaned again. Each is one transaction.

Whoever asks - command line, API, pages - asks here: the media are chosen by the same words, and one
request is written for each intake and set of modes, which the `requests` sensor turns into a run.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from supervisor_core.enrichment.modes import in_order
from supervisor_core.keys import IntakeKey, MediaKey, media_id
from supervisor_core.reasons import Fact
from supervisor_core.store import audit, enrichment_wishes, lookup, requests
from supervisor_core.store.audit import Deed
from supervisor_core.store.database import Connection
from supervisor_core.store.enrichment_wishes import Candidate
from supervisor_core.store.requests import Verb


@dataclass(frozen=True)
class Choice:
    """Who is meant: for each mode the media, with the intake that works on each."""

    items: Mapping[str, Sequence[Candidate]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many items, each a media in a mode."""
        return sum(len(found) for found in self.items.values())

    @property
    def counts(self) -> dict[str, int]:
        """How many media in each mode."""
        return {mode: len(found) for mode, found in self.items.items()}

    def media_of(self, mode: str) -> list[MediaKey]:
        """The media that are meant in a mode."""
        return [one.media for one in self.items.get(mode, ())]


def choose(
    connection: Connection,
    modes: Collection[str],
    media: Set[MediaKey] | None = None,
    since: datetime | None = None,
    *,
    only_missing: bool = True,
    only_open: bool = False,
    limit: int = 0,
) -> Choice:
    """The readable media of these, newest first, at most `limit` in each mode (0: all).

    By default those without a result; with `only_open` those whose task has not ended.
    """
    found: dict[str, Sequence[Candidate]] = {}
    for mode in in_order(modes):
        items = enrichment_wishes.candidates(
            connection, mode, media, since, only_missing=only_missing
        )
        meant = [one for one in items if one.open or not only_open]
        found[mode] = meant[:limit] if limit else meant
    return Choice({mode: items for mode, items in found.items() if items})


def ask(
    connection: Connection,
    choice: Choice,
    who: str,
    now: datetime,
    *,
    force: bool = False,
    numbers: Mapping[str, int | float] | None = None,
) -> list[str]:
    """Asks for what was chosen, and returns the requests' ids.

    There is one for each intake and set of modes that is wanted of the same media. `numbers` are
    `batch` and `minutes` of the runs.
    """
    wishes: list[requests.Wish] = []
    for intake, wanted in _by_intake(choice).items():
        for media, modes in _together(wanted).items():
            detail: dict[str, Fact] = {"modes": ",".join(modes), "media": _ids(media)}
            wishes.append((intake, detail | {"force": int(force)} | dict(numbers or {})))
    return _asked(connection, Verb.ENRICH, wishes, choice.count, who, now)


def ask_enrichments(
    connection: Connection,
    modes: Collection[str],
    media: Set[MediaKey] | None,
    who: str,
    now: datetime,
    *,
    force: bool = False,
) -> list[str]:
    """Has these media enriched where they have no result yet, or anew by `force`; see `ask`."""
    choice = choose(connection, modes, media, only_missing=not force)
    return ask(connection, choice, who, now, force=force)


def ask_recleaning(
    connection: Connection, media: Collection[MediaKey], who: str, now: datetime
) -> list[str]:
    """Has these media cleaned again, and nothing beside them: one request for each intake."""
    by_intake: dict[IntakeKey, list[MediaKey]] = {}
    for one, intake in lookup.first_intakes(connection, sorted(media)).items():
        by_intake.setdefault(intake, []).append(one)
    wishes = [(intake, {"media": _ids(sorted(found))}) for intake, found in by_intake.items()]
    count = sum(len(found) for found in by_intake.values())
    return _asked(connection, Verb.RECLEAN, sorted(wishes), count, who, now)


def cancel(connection: Connection, choice: Choice, who: str, now: datetime) -> int:
    """Ends what is open of what was chosen; returns how many items."""
    ended = [
        enrichment_wishes.cancel(connection, choice.media_of(mode), [mode], who, now)
        for mode in choice.items
    ]
    return sum(len(tasks) for tasks in ended)


def remove(
    connection: Connection, choice: Choice, who: str, now: datetime, *, force: bool = False
) -> int:
    """Removes the results of what was chosen; returns how many counted.

    Raises `Failed(ITEM_BUSY)` while a run has one in hand, unless it is taken away by `force`.
    """
    return sum(
        enrichment_wishes.remove(connection, choice.media_of(mode), [mode], who, now, force=force)
        for mode in choice.items
    )


def _asked(
    connection: Connection,
    verb: Verb,
    wishes: Sequence[requests.Wish],
    items: int,
    who: str,
    now: datetime,
) -> list[str]:
    asked = requests.ask_each(connection, verb, wishes, who, now)
    figures: dict[str, Fact] = {"requests": len(asked), "items": items}
    audit.write(connection, who, [Deed(verb.value, "all", figures)] if asked else [], now)
    return asked


def _by_intake(choice: Choice) -> dict[IntakeKey, dict[str, list[MediaKey]]]:
    found: dict[IntakeKey, dict[str, list[MediaKey]]] = {}
    for mode, items in choice.items.items():
        for one in items:
            found.setdefault(one.intake, {}).setdefault(mode, []).append(one.media)
    return found


def _together(wanted: Mapping[str, list[MediaKey]]) -> dict[tuple[MediaKey, ...], list[str]]:
    """The modes that are wanted of exactly the same media."""
    groups: dict[tuple[MediaKey, ...], list[str]] = {}
    for mode, media in wanted.items():
        groups.setdefault(tuple(sorted(media)), []).append(mode)
    return groups


def _ids(media: Iterable[MediaKey]) -> str:
    return ",".join(media_id(one) for one in media)
