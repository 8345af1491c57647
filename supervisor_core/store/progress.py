"""How far an intake has come: one line an item, and what they come to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Arrival, Cleaning, Verification
from supervisor_core.store import arrivals, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.database import Connection
from supervisor_core.store.media import Media
from supervisor_core.store.outputs import Output

WORST_FIRST = (
    Cleaning.RAW_ASIDE,
    Cleaning.RUNNING,
    Cleaning.WAITING,
    Cleaning.ROI_MASK,
    Cleaning.FRAME_LEVEL,
    Cleaning.NOT_REQUIRED,
)


@dataclass(frozen=True)
class Item:
    """One file of an intake as it stands; media and output are None while there is none."""

    ordinal: int
    arrival: Arrival
    reason: Reason | None
    media: Media | None
    output: Output | None

    @property
    def level(self) -> Cleaning | None:
        """How far its media was cleaned."""
        return self.media.cleaning if self.media else None

    @property
    def verification(self) -> Verification | None:
        """What verification has shown of its media."""
        return self.media.verification if self.media else None

    @property
    def verified(self) -> bool:
        """True when the item may be read: proven clean, or nothing was required."""
        return self.level is Cleaning.NOT_REQUIRED or self.verification is Verification.VERIFIED


@dataclass(frozen=True)
class IntakeSummary:
    """All items of an intake and what they come to; media that came in twice count once."""

    intake: IntakeKey
    profile: str
    items: tuple[Item, ...]

    @property
    def media(self) -> Mapping[MediaKey, Item]:
        """One item for each media."""
        return {item.media.media: item for item in reversed(self.items) if item.media}

    @property
    def arrivals(self) -> Mapping[Arrival, int]:
        """How many files are in which state."""
        return Counter(item.arrival for item in self.items)

    @property
    def levels(self) -> Mapping[Cleaning, int]:
        """How many media reached which level."""
        return Counter(item.level for item in self.media.values() if item.level)

    @property
    def verifications(self) -> Mapping[Verification, int]:
        """How many media were verified, or not."""
        return Counter(item.verification for item in self.media.values() if item.verification)

    @property
    def reasons(self) -> Mapping[Reason, int]:
        """How many files have which reason for not having come further."""
        return Counter(item.reason for item in self.items if item.reason)

    @property
    def worst_level(self) -> Cleaning | None:
        """The worst level of any media; None when none was imported."""
        return next((level for level in WORST_FIRST if self.levels.get(level)), None)

    @property
    def verified(self) -> int:
        """How many media may be read."""
        return sum(item.verified for item in self.media.values())

    @property
    def unfinished(self) -> int:
        """How many media of those that came in are not at their end."""
        return sum(_open(item) for item in self.media.values())

    @property
    def settled(self) -> bool:
        """True when nothing is left to do now."""
        return not any(_open(item) for item in self.items)

    @property
    def outputs(self) -> Sequence[Output]:
        """The current outputs, each once."""
        return [item.output for item in self.media.values() if item.output]

    @property
    def frames(self) -> int:
        """Frames of all current outputs."""
        return sum(output.frames for output in self.outputs)

    @property
    def frames_inspected(self) -> int:
        """Frames that were decoded and tested."""
        return sum(output.frames_inspected for output in self.outputs)

    @property
    def regions(self) -> int:
        """Masked regions over all frames."""
        return sum(output.regions for output in self.outputs)

    @property
    def coverage(self) -> float:
        """Masked share (0-1) of all pixels of all frames of all outputs."""
        pixels = [output.frames * output.width * output.height for output in self.outputs]
        masked = sum(
            output.coverage * size for output, size in zip(self.outputs, pixels, strict=True)
        )
        return masked / sum(pixels) if sum(pixels) else 0.0

    @property
    def seconds(self) -> float:
        """Time that cleaning and verifying took."""
        return sum(output.seconds + (output.verify_seconds or 0) for output in self.outputs)


def _open(item: Item) -> bool:
    if item.arrival is Arrival.SEEN:
        return True
    if item.media is None or item.level in (Cleaning.RAW_ASIDE, Cleaning.NOT_REQUIRED):
        return False
    return not item.verified


def summarise(connection: Connection, intake: IntakeKey) -> IntakeSummary | None:
    """How an intake stands; None when the store does not know it."""
    header = arrivals.find_intake(connection, intake)
    if header is None:
        return None
    members = arrivals.arrivals_of(connection, intake)
    keys = {member.media for member in members if member.media and member.state is not Arrival.SEEN}
    known = media_table.load(connection, keys)
    files = outputs.current(connection, keys)
    items = []
    for member in members:
        media = known.get(member.media) if member.media else None
        reason = member.reason or (media.reason if media else None)
        output = files.get(media.media) if media else None
        items.append(Item(member.ordinal, member.state, reason, media, output))
    return IntakeSummary(intake, header.profile, tuple(items))
