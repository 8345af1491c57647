"""One picture of a media as a JPEG, and the same moment of its raw and its cleaned file.

Runs inside a worker child. What is drawn is returned and never written: a picture of a raw file
leaves nothing on disk that somebody would have to sweep.
"""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from supervisor_core.media.damage import damaged
from supervisor_core.media.dicom import read_dicom
from supervisor_core.media.kinds import Kind, identify
from supervisor_core.media.moments import NEAR_S, Film, Shown
from supervisor_core.media.orientation import Orientation
from supervisor_core.media.picture import Picture
from supervisor_core.media.spots import Drawn, Spot
from supervisor_core.media.stills import read_still
from supervisor_core.reasons import Failed, Reason

_QUALITY = 90
# The clocks of two files of one media differ by what each rounds.
_ROUNDED_S = Fraction(1, 100_000)


def draw(path: Path, spot: Spot, longest_side: int) -> Drawn:
    """Draws one frame of a video or DICOM file, or a still, upright, at most so large.

    Raises `Failed` as reading the file does.
    """
    match identify(path, name="").kind:
        case Kind.STILL:
            return Drawn(_jpeg(read_still(path), longest_side), 0.0, 0)
        case Kind.DICOM:
            return _of_dicom(path, spot, longest_side)
        case Kind.VIDEO:
            with Film(path) as film:
                return _of_film(_shown(film, spot), longest_side)


def draw_pair(raw: Path, cleaned: Path, spot: Spot, longest_side: int) -> tuple[Drawn, Drawn]:
    """Draws the same frame of a raw file and of the cleaned one that was made of it.

    The spot is looked for in the cleaned file. Cleaning keeps every frame and its time after the
    first one, so the raw frame is the one with the same number, or as long after the first.
    """
    if identify(cleaned, name="").kind is not Kind.VIDEO:
        return draw(raw, spot, longest_side), draw(cleaned, spot, longest_side)
    with Film(cleaned) as film:
        after = _shown(film, spot)
        since_s = after.time_s - film.first.time_s
        drawn = _of_film(after, longest_side)
    if identify(raw, name="").kind is not Kind.VIDEO:
        same = Spot(float(since_s), after.index)
        return draw(raw, same, longest_side), drawn
    with Film(raw) as film:
        if after.index is not None:
            before = film.numbered(after.index)
        else:
            before = film.at(film.first.time_s + since_s, _ROUNDED_S)
        return _of_film(before, longest_side), drawn


def _shown(film: Film, spot: Spot) -> Shown:
    return film.at(spot.time_s) if spot.index is None else film.numbered(spot.index)


def _of_film(shown: Shown, longest_side: int) -> Drawn:
    return Drawn(
        _jpeg(upright(shown.decoded, longest_side), longest_side),
        float(shown.time_s),
        shown.index,
    )


def _of_dicom(path: Path, spot: Spot, longest_side: int) -> Drawn:
    file = read_dicom(path)
    rate = Fraction(file.frames_per_second or 0)
    index = int((spot.time_s + NEAR_S) * rate) if spot.index is None else spot.index
    index = min(max(index, 0), file.frame_count - 1)
    picture = next(islice(file.frames(), index, None), None)
    if picture is None:
        raise Failed(Reason.FRAME_EXTRACTION_FAILED)
    return Drawn(_jpeg(picture, longest_side), float(index / rate) if rate else 0.0, index)


def upright(decoded: av.VideoFrame, longest_side: int) -> Picture:
    """A decoded frame as a viewer would show it (BGR), with at most so many pixels a side."""
    scale = min(1.0, longest_side / max(decoded.width, decoded.height))
    width, height = (max(1, round(side * scale)) for side in (decoded.width, decoded.height))
    with damaged(Reason.DECODE_FAILED):
        small = decoded.to_ndarray(format="bgr24", width=width, height=height, interpolation="AREA")
        turned = Orientation.of_frame(decoded).apply(np.asarray(small, np.uint8))
        return np.ascontiguousarray(turned)


def _jpeg(picture: Picture, longest_side: int) -> bytes:
    written, content = cv2.imencode(
        ".jpg", fitted(picture, longest_side), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    if not written:
        raise Failed(Reason.ENCODE_FAILED)
    return content.tobytes()


def fitted(picture: Picture, longest_side: int) -> Picture:
    """A picture with at most so many pixels a side; a smaller one as it is."""
    height, width = picture.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
