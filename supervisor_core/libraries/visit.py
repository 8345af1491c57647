"""What one visit to a file of a library brings back; light, as it goes from process to process."""

from dataclasses import dataclass, field
from pathlib import Path

from supervisor_core.enrichment.prompt import Prompt
from supervisor_core.media.policy import Profile


@dataclass(frozen=True)
class Order:
    """Which file is visited, as a scan has seen it, and where its small picture is to be written.

    `path` is relative to `root`; no folder below the root may be a link, nor the file.
    """

    root: Path = field(repr=False)
    path: str = field(repr=False)
    size_bytes: int
    mtime_ns: int
    profile: Profile
    small: Path
    side: int


@dataclass(frozen=True)
class Exif:
    """What a camera wrote: when (as it says, without a zone), its name, and whether it knew where.

    The place itself is never taken out of the file.
    """

    taken: str | None = None
    camera: str | None = None
    orientation: int = 1
    gps: bool = False

    @property
    def empty(self) -> bool:
        """True for a picture that says nothing."""
        return self == Exif()


@dataclass(frozen=True)
class Glimpse:
    """What a still looks like and says of itself; its small picture lies where it was ordered.

    `hashes`, `mirror` and `quality` are PDQ's, `keywords` and `stars` those that people gave it.
    `seconds` is how long reading it whole has taken.
    """

    hashes: bytes
    mirror: bytes
    quality: int
    exif: Exif
    prompt: Prompt | None
    seconds: float
    keywords: tuple[str, ...] = ()
    stars: int | None = None
