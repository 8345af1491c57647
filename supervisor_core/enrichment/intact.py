"""Whether a file still holds what it should, and decodes to its end; runs in a worker's child.

A decoder hides a missing end: what a cut file holds is shown without a word. So the packets that
were read are counted too, and where a header says how many there are, or how long they last, both
must agree.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import av

from supervisor_core.deadline import report_progress
from supervisor_core.media.container import open_container, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.dicom import read_dicom
from supervisor_core.media.hashing import sha256_of
from supervisor_core.media.kinds import Kind, identify
from supervisor_core.media.stills import read_still
from supervisor_core.reasons import Failed, Reason

# Durations are rounded, and the last packet of a stream often has none of its own.
_SHORT_S = 1.0
_SHORT_SHARE = 0.02


def check_file(path: Path, sha256: str) -> int:
    """Reads a file as a whole and returns how many frames were decoded.

    Raises `Failed`: FILE_NOT_FOUND, FILE_NOT_READABLE, NOT_A_FILE, FILE_EMPTY; HASH_MISMATCH when
    its bytes are not those of this SHA-256; else what is wrong with its content: DECODE_FAILED,
    FRAMES_MISSING, and what opening it raises.
    """
    if sha256_of(path) != sha256:
        raise Failed(Reason.HASH_MISMATCH)
    match identify(path, name="").kind:
        case Kind.STILL:
            read_still(path)
            return 1
        case Kind.DICOM:
            file = read_dicom(path)
            return _counted(file.frames(), file.frame_count)
        case Kind.VIDEO:
            return _check_video(path)


def _counted(frames: Iterator[object], promised: int) -> int:
    count = 0
    for count, _ in enumerate(frames, 1):
        report_progress(count, max(promised, count + 1))
    if not count:
        raise Failed(Reason.FRAME_EXTRACTION_FAILED)
    return count


def _check_video(path: Path) -> int:
    with open_container(path) as container:
        stream = picture_stream(container)
        stream.thread_type = "AUTO"
        read = _Read(container, stream)
        promised = stream.frames
        frames = _counted(read.frames(), promised)
        if promised and read.packets < promised:
            raise Failed(Reason.FRAMES_MISSING, read=read.packets, promised=promised)
        claimed_s = (container.duration or 0) / av.time_base
        missing_s = claimed_s - read.seconds
        if not promised and missing_s > max(_SHORT_S, _SHORT_SHARE * claimed_s):
            raise Failed(Reason.FRAMES_MISSING, missing_s=round(missing_s, 3))
    return frames


class _Read:
    """All packets of a file, read once; those of the picture are decoded."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self.packets = 0
        self.seconds = 0.0
        self._container = container
        self._stream = stream
        self._start_s = (container.start_time or 0) / av.time_base

    def frames(self) -> Iterator[av.VideoFrame]:
        """The frames; raises `Failed(DECODE_FAILED)` at the first that is damaged."""
        decoded = self._decoded()
        while True:
            with damaged(Reason.DECODE_FAILED, packet=self.packets):
                frame = next(decoded, None)
            if frame is None:
                return
            if frame.is_corrupt:
                raise Failed(Reason.DECODE_FAILED, packet=self.packets)
            yield frame

    def _decoded(self) -> Iterator[av.VideoFrame]:
        for packet in self._packets():
            if packet.pts is not None and packet.time_base:
                end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self.seconds = max(self.seconds, end_s - self._start_s)
            if packet.stream.index == self._stream.index:
                self.packets += bool(packet.size)
                yield from cast("list[av.VideoFrame]", packet.decode())

    def _packets(self) -> "Iterator[av.Packet[av.stream.Stream]]":
        # Streams that begin later in a transport stream are unknown to PyAV (see `packets`).
        with suppress(IndexError):
            yield from self._container.demux()
