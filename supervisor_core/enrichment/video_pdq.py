"""Fingerprints of frames along the whole length of a video, a fixed time apart.

Key frames alone would cost a tenth, but lie where an encoder put them: a clip that was cut and
encoded anew has others, often a single one. So every step's first frame is taken, whatever its
kind; frames that no other frame needs are not decoded (from 20 a second on) and none is smoothed
(deblocking), which halves the work and changes a bit or two.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from supervisor_core.enrichment.pdq import HASH_BYTES, Pixels, fingerprint_of
from supervisor_core.media.container import open_container, packets, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.frames import samples_of
from supervisor_core.media.orientation import Orientation
from supervisor_core.reasons import Failed, Reason

# At half a second a quarter of clips with much motion is not found again: their samples lie too
# far from the film's. 32 bytes each make 460 KB an hour.
STEP_S = 0.25
# A day at this step; what is longer is sampled to here, which is enough to find it again.
SAMPLES_MAX = 345_600
# With fewer frames a step, what is left out would be missed: encoders leave gaps of up to four.
_FRAMES_A_STEP = 5


@dataclass(frozen=True, eq=False)
class VideoFingerprint:
    """What a video looks like over time.

    `times_s` (n) float32, ascending, from the start of the video; `hashes` (n, 32) uint8;
    `qualities` (n) uint8, 0-100 as in `pdq.Fingerprint`.
    """

    times_s: npt.NDArray[np.float32]
    hashes: npt.NDArray[np.uint8]
    qualities: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.times_s)


@dataclass
class Sampler:
    """Collects fingerprints while somebody else decodes: ask `wants`, then `take`."""

    step_s: float = STEP_S
    _next: int = 0
    _times: list[float] = field(default_factory=list)
    _hashes: bytearray = field(default_factory=bytearray)
    _qualities: list[int] = field(default_factory=list)

    def wants(self, time_s: float) -> bool:
        """True for the first frame at, or after, each step."""
        return time_s >= self._next * self.step_s and len(self._times) < SAMPLES_MAX

    def take(self, time_s: float, picture: Pixels) -> None:
        """Takes the upright frame (BGR, or its luma plane) that is shown at this time."""
        fingerprint = fingerprint_of(picture)
        self._times.append(time_s)
        self._hashes += fingerprint.hash
        self._qualities.append(fingerprint.quality)
        self._next = int(time_s // self.step_s) + 1

    def result(self) -> VideoFingerprint:
        """All that was taken."""
        return VideoFingerprint(
            np.array(self._times, np.float32),
            np.frombuffer(bytes(self._hashes), np.uint8).reshape(-1, HASH_BYTES),
            np.array(self._qualities, np.uint8),
        )


def fingerprint_video(path: Path, step_s: float = STEP_S) -> VideoFingerprint:
    """Reads a video once and returns its fingerprint. Runs inside a worker child.

    Damage in the middle ends it there, since what was seen is still true. Raises `Failed` as
    `open_container` does, FRAME_EXTRACTION_FAILED when there is no frame at all.
    """
    sampler = Sampler(step_s)
    with open_container(path) as container:
        stream = picture_stream(container)
        stream.thread_type = "AUTO"
        if (stream.average_rate or 0) * step_s >= _FRAMES_A_STEP:
            stream.codec_context.skip_frame = "NONREF"
        stream.codec_context.options |= {"skip_loop_filter": "all"}
        start_s = (container.start_time or 0) / av.time_base
        rotation, orientation = None, Orientation()
        for frame in _frames(container, stream):
            time_s = max(0.0, (frame.time or 0.0) - start_s)
            if not sampler.wants(time_s):
                continue
            # Looking into each frame's side data would keep the frames in memory for a while.
            if frame.rotation != rotation:
                rotation, orientation = frame.rotation, Orientation.of_frame(frame)
            sampler.take(time_s, np.ascontiguousarray(orientation.apply(_luma(frame))))
    result = sampler.result()
    if not len(result):
        raise Failed(Reason.FRAME_EXTRACTION_FAILED)
    return result


def _frames(container: Any, stream: Any) -> Iterator[av.VideoFrame]:
    frames = (frame for packet in packets(container, stream) for frame in packet.decode())
    while True:
        try:
            with damaged(Reason.DECODE_FAILED):
                frame = next(frames, None)
        except Failed:
            return
        if frame is None:
            return
        yield frame


def _luma(frame: av.VideoFrame) -> Pixels:
    with damaged(Reason.DECODE_FAILED):
        plane = frame.reformat(format="gray").planes[0]
    return samples_of(plane)[:, : plane.width]
