"""What runs inside the worker's child for fingerprints and checks: paths in, small values out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor_core.media.kinds import Kind

if TYPE_CHECKING:
    from supervisor_core.enrichment.clips import Found
    from supervisor_core.enrichment.larger import Larger, Order
    from supervisor_core.enrichment.pdq import Fingerprint
    from supervisor_core.enrichment.video_pdq import VideoFingerprint
    from supervisor_core.media.dicom import DicomFile


Where = dict[str, float | bool]


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


def near_stills(
    new: Sequence[tuple[Taken, int]], hashes: bytes, at_most: int
) -> list[list[tuple[int, int, bool]]]:
    """The rows of `hashes` (32 bytes each) that look like each new still, nearest first.

    With each still comes among how many of the first rows it is looked for; of a row that was
    found its number, the bits that differ, and whether it is so in a mirror.
    """
    from supervisor_core.enrichment.near import HashIndex
    from supervisor_core.enrichment.pdq import HASH_BYTES, Fingerprint

    index = HashIndex.of([str(row) for row in range(len(hashes) // HASH_BYTES)], hashes)
    found = []
    for one, among in new:
        mine = Fingerprint(one.hashes, one.mirrors or bytes(HASH_BYTES), one.qualities[0])
        near = index.near(mine, among=among, at_most=at_most)
        found.append([(int(row.key), row.distance, row.mirrored) for row in near])
    return found


def clips_among(
    new: Taken, others: Sequence[Taken]
) -> tuple[Mapping[int, Where], Mapping[int, Where]]:
    """In which of the other videos the new one lies, and which of them lie in it, by their rows.

    Where and how surely is told as `clips.Found` has it; those of the same length are only in the
    first.
    """
    from supervisor_core.enrichment.clips import SLACK_S, ClipFinder, length_s

    mine = _film(new)
    films = {str(row): _film(one) for row, one in enumerate(others)}
    holding = ClipFinder(films).find(mine)
    finder = ClipFinder({"mine": mine})
    shorter = {row: one for row, one in films.items() if length_s(one) + SLACK_S < length_s(mine)}
    inside = {row: found for row, one in shorter.items() for found in finder.find(one).values()}
    return _by_row(holding), _by_row(inside)


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


def _film(taken: Taken) -> "VideoFingerprint":
    import numpy as np

    from supervisor_core.enrichment.pdq import HASH_BYTES
    from supervisor_core.enrichment.video_pdq import VideoFingerprint

    return VideoFingerprint(
        np.frombuffer(taken.times_s or b"", "<f4").astype(np.float32),
        np.frombuffer(taken.hashes, np.uint8).reshape(-1, HASH_BYTES),
        np.frombuffer(taken.qualities, np.uint8),
    )


def _by_row(found: Mapping[str, "Found"]) -> dict[int, Where]:
    return {int(row): vars(one) for row, one in found.items()}
