"""What is known of a media file after a look at its header and its first frame."""

from dataclasses import dataclass
from fractions import Fraction

from supervisor_core.media.kinds import Container, Kind


@dataclass(frozen=True)
class MediaInfo:
    """The facts that policy, budgets and cleaning work with.

    Width and height are those of the upright picture, in pixels. `seconds` is the longer of what
    the header claims and what the packets show; None for stills. `frames` is what the header
    claims and None when it claims nothing: only decoding tells the truth. `rotation` in degrees
    clockwise and `mirrored` (left to right, before the rotation) make the stored picture upright.
    """

    container: Container
    codec: str
    width: int
    height: int
    size_bytes: int
    frames: int | None = None
    seconds: float | None = None
    frames_per_second: float | None = None
    rotation: int = 0
    mirrored: bool = False
    has_audio: bool = False
    stream_count: int = 1
    pixel_format: str = ""
    bit_depth: int = 8
    sample_aspect: Fraction = Fraction(1)
    full_range: bool | None = None

    @property
    def kind(self) -> Kind:
        """How the media is handled."""
        return self.container.kind
