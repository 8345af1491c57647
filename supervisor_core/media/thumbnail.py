"""A small picture of a media file, for people to recognise it by. Runs inside a worker child."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from supervisor_core.media.dicom import read_dicom
from supervisor_core.media.frames import VideoFrames
from supervisor_core.media.kinds import Container, Kind, identify
from supervisor_core.media.picture import Picture
from supervisor_core.media.stills import read_still, write_still
from supervisor_core.reasons import Failed, Reason

# Many recordings begin with black or a title: the most varied of these few frames stands for all.
_FRAMES_LOOKED_AT = 75
_EVERY = 15


def write_thumbnail(source: Path, destination: Path, longest_side: int) -> None:
    """Writes a JPEG whose sides are at most `longest_side` pixels; small pictures stay as they are.

    Raises `Failed` as reading the file does.
    """
    write_still(destination, _shrunk(_picture(source), longest_side), Container.JPEG)


def _picture(source: Path) -> Picture:
    match identify(source, name="").kind:
        case Kind.STILL:
            return read_still(source)
        case Kind.DICOM:
            return _most_varied(read_dicom(source).frames())
        case Kind.VIDEO:
            return _most_varied(frame.bgr() for frame in VideoFrames(source))


def _most_varied(pictures: Iterator[Picture]) -> Picture:
    chosen = list(islice(pictures, 0, _FRAMES_LOOKED_AT, _EVERY))
    if not chosen:
        raise Failed(Reason.FRAME_EXTRACTION_FAILED)
    return max(chosen, key=lambda picture: float(np.std(picture[::8, ::8])))


def _shrunk(picture: Picture, longest_side: int) -> Picture:
    height, width = picture.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
