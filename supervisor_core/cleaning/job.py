"""What cleaning one file takes and gives: plain values that travel to a child process and back."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from supervisor_core.media.kinds import Container, Kind
from supervisor_core.media.policy import AudioPolicy, MaskPolicy
from supervisor_core.reasons import Reason

# Raise it with every change that can change a cleaned file or a verdict: outputs are bound to it.
CODE_VERSION = "6"


class Level(StrEnum):
    """The two levels of the ladder that make a cleaned file."""

    FRAME_LEVEL = "frame_level"
    ROI_MASK = "roi_mask"


@dataclass(frozen=True)
class Job:
    """One file to clean at one level; `destination` is written whole, under the name given.

    `device` names a device mask, `masks` and `names` an operator's own mask folder and name list.
    `frames_expected` only serves the progress report.
    """

    source: Path
    destination: Path
    container: Container
    level: Level
    mask: MaskPolicy
    audio: AudioPolicy
    device: str | None = None
    masks: Path | None = None
    names: Path | None = None
    frames_expected: int = 0

    @property
    def kind(self) -> Kind:
        """Whether the source is a video, a still or a DICOM file."""
        return self.container.kind

    @property
    def keeps_sound(self) -> bool:
        """True when the sound of a video comes along."""
        return self.audio is AudioPolicy.KEEP and self.kind is Kind.VIDEO


@dataclass(frozen=True)
class Finding:
    """A text that was read, where (pixels of the upright picture) and when (seconds)."""

    text: str
    first_s: float
    last_s: float
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class CleanReport:
    """What was done to one file.

    `coverage` is the masked part of all pixels of all frames (0-1), `regions` counts the texts that
    were masked, `timeline` is the digest of all frame times. `findings` hold what was read: they
    may only go to the restricted store.
    """

    level: Level
    output: Container
    width: int
    height: int
    frames: int
    frames_inspected: int
    timeline: str
    regions: int
    coverage: float
    copied: bool
    seconds: float
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class VerifyReport:
    """What reading the finished file has shown; `reason` is None when it is verified."""

    reason: Reason | None
    frames: int
    residual_regions: int
    frames_match: bool
    stray_metadata: bool
    seconds: float
    sha256: str

    @property
    def verified(self) -> bool:
        """True when nothing was left in the file and nothing of the picture is missing."""
        return self.reason is None
