"""What runs inside the worker's child for fingerprints and checks: paths in, small values out."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor_core.media.kinds import Kind

if TYPE_CHECKING:
    from supervisor_core.enrichment.larger import Larger, Order
    from supervisor_core.enrichment.pdq import Fingerprint
    from supervisor_core.enrichment.video_pdq import VideoFingerprint
    from supervisor_core.media.dicom import DicomFile


@dataclass(frozen=True)
class Taken:
    """What a file looks like, as `store.fingerprints` keeps it; no mirrors and times of videos."""

    hashes: bytes
    qualities: bytes
    mirrors: bytes | None = None
    times_s: bytes | None = None


def check_file(path: Path, sha256: str) -> int:
    """Reads a file as a whole; see `enrichment.intact.check_file`."""
    from supervisor_core.enrichment.intact import check_file as check

    return check(path, sha256)


def fingerprint_file(path: Path) -> Taken:
    """What a still, a video or a DICOM file looks like; raises `Failed` as reading it does."""
    from supervisor_core.enrichment.pdq import fingerprint_of
    from supervisor_core.enrichment.video_pdq import fingerprint_video
    from supervisor_core.media.dicom import read_dicom
    from supervisor_core.media.kinds import identify
    from supervisor_core.media.stills import read_still

    match identify(path, name="").kind:
        case Kind.STILL:
            return _still(fingerprint_of(read_still(path)))
        case Kind.VIDEO:
            return _video(fingerprint_video(path))
        case Kind.DICOM:
            return _dicom(read_dicom(path))


def enlarge(order: "Order") -> "Larger":
    """Makes a still larger; see `enrichment.upscale.upscale`."""
    from supervisor_core.enrichment.upscale import upscale

    return upscale(order)


def _dicom(file: "DicomFile") -> Taken:
    from supervisor_core.deadline import report_progress
    from supervisor_core.enrichment.pdq import fingerprint_of
    from supervisor_core.enrichment.video_pdq import Sampler
    from supervisor_core.media.dicom import FALLBACK_RATE

    frames = file.frames()
    if file.frame_count == 1:
        return _still(fingerprint_of(next(frames)))
    sampler = Sampler()
    rate = file.frames_per_second or FALLBACK_RATE
    for number, picture in enumerate(frames):
        report_progress(number, file.frame_count)
        if sampler.wants(number / rate):
            sampler.take(number / rate, picture)
    return _video(sampler.result())


def _still(found: "Fingerprint") -> Taken:
    return Taken(found.hash, bytes([found.quality]), mirrors=found.mirror)


def _video(found: "VideoFingerprint") -> Taken:
    times = found.times_s.astype("<f4").tobytes()
    return Taken(found.hashes.tobytes(), found.qualities.tobytes(), times_s=times)
