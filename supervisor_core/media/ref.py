"""Where a media file is, as a type: never a string that may be a key, a URL or a path."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from supervisor_core.reasons import Failed, Reason


class Place(StrEnum):
    """What kind of place a reference points to."""

    LOCAL = "local"


@dataclass(frozen=True)
class MediaRef:
    """One media file on this machine, by its absolute path."""

    place: Place
    # Its name may identify a patient, so it stays out of messages that show the reference.
    path: Path = field(repr=False)

    @classmethod
    def local(cls, path: Path) -> "MediaRef":
        """Refers to a local file; the path is made absolute without following links."""
        return cls(Place.LOCAL, path.absolute())

    @classmethod
    def parse(cls, text: str) -> "MediaRef":
        """Reads a reference from configuration or a request: `file:///...` or an absolute path.

        Raises `Failed(BAD_CONFIGURATION)` for anything that would have to be guessed (a bare key, a
        relative path) or that is not supported (another scheme, another host).
        """
        if text.startswith("/"):
            return cls.local(Path(text))
        try:
            parts = urlsplit(text)
        except ValueError:
            raise Failed(Reason.BAD_CONFIGURATION, reference="malformed") from None
        if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
            return cls.local(Path(unquote(parts.path)))
        problem = "unsupported scheme" if "://" in text else "not absolute"
        raise Failed(Reason.BAD_CONFIGURATION, reference=problem)


@contextmanager
def localize(reference: MediaRef) -> Iterator[Path]:
    """Gives a local path to read a media from, valid within the `with` block.

    Raises `Failed(FILE_NOT_FOUND)` when there is nothing.
    """
    if not reference.path.exists():
        raise Failed(Reason.FILE_NOT_FOUND)
    yield reference.path
