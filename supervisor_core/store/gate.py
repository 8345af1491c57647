"""The one door to what may be shown or read: an item passes only when it is proven clean."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from supervisor_core.keys import MediaKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning, Review, Verification
from supervisor_core.store import media as media_table
from supervisor_core.store import outputs
from supervisor_core.store.database import Connection
from supervisor_core.store.media import Media
from supervisor_core.store.outputs import Output

_STOPPED = (Review.HELD, Review.REJECTED)


@dataclass(frozen=True)
class Readable:
    """A file that may be read: a verified output, or the raw file where none is required.

    `path` is relative to the home, `sha256` the hash of that file, `size_bytes` its size where it
    is known. A raw file may be a link: `pipeline.places.readable_file` finds what is to be read.
    """

    media: MediaKey
    sha256: str
    path: str
    size_bytes: int | None = None


def require_verified(connection: Connection, media: MediaKey) -> Readable:
    """The file that stands for a media.

    Raises `Failed(NOT_VERIFIED)` unless the media was cleaned and verified or needs no cleaning.
    """
    found = media_table.load(connection, [media]).get(media)
    passed = found and pass_gate(found, outputs.current(connection, [media]).get(media))
    if not passed:
        raise Failed(Reason.NOT_VERIFIED)
    return passed


def readable_of(connection: Connection, intake: str) -> list[Readable]:
    """The readable files of an intake, without those that did not pass."""
    return readable(connection, media_table.of_intake(connection, intake))


def readable(connection: Connection, members: Sequence[Media]) -> list[Readable]:
    """The readable files of these media, without those that did not pass."""
    files = outputs.current(connection, [media.media for media in members])
    passed = (pass_gate(media, files.get(media.media)) for media in members)
    return [one for one in passed if one]


def free_of(connection: Connection, intake: str) -> list[Readable]:
    """The readable files of an intake that no person holds back or has rejected."""
    members = media_table.of_intake(connection, intake)
    stopped = {media.media for media in members if media.review in _STOPPED}
    return [one for one in readable_of(connection, intake) if one.media not in stopped]


def cleaned_of(connection: Connection, intake: str) -> list[Readable]:
    """The cleaned files of an intake that may leave the house: see `require_cleaned`."""
    return _cleaned(connection, media_table.of_intake(connection, intake))


def require_cleaned(connection: Connection, media: MediaKey) -> Readable:
    """The cleaned file of a media that may leave the house.

    Raises `Failed(NOT_VERIFIED)` for what was not cleaned and verified, though nothing may be
    required, and for what a person holds back or has rejected.
    """
    found = _cleaned(connection, media_table.load(connection, [media]).values())
    if not found:
        raise Failed(Reason.NOT_VERIFIED)
    return found[0]


def _cleaned(connection: Connection, members: Iterable[Media]) -> list[Readable]:
    leaving = [
        one
        for one in members
        if one.cleaning is not Cleaning.NOT_REQUIRED and one.review not in _STOPPED
    ]
    return readable(connection, leaving)


def pass_gate(media: Media, output: Output | None) -> Readable | None:
    """The file that may be read for this media, or None."""
    if media.cleaning is Cleaning.NOT_REQUIRED:
        return Readable(media.media, media.media, media.raw_path, media.info.size_bytes)
    if media.cleaning not in (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK):
        return None
    if media.verification is not Verification.VERIFIED or output is None:
        return None
    if output.verified_at is None or output.path is None or output.level is not media.cleaning:
        return None
    return Readable(media.media, output.sha256, output.path, output.size_bytes)
