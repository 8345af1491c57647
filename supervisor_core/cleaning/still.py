"""Cleaning a still: several looks at the one picture, then paint, then a new file from pixels."""

import hashlib

import numpy as np

from supervisor_core.cleaning.detector import Picture, Region
from supervisor_core.cleaning.engine import detector, must_hide, reader
from supervisor_core.cleaning.job import Finding, Job, Level
from supervisor_core.cleaning.looking import Evened, plain_look
from supervisor_core.cleaning.paint import add_quads, paint_picture
from supervisor_core.cleaning.reader import Reading
from supervisor_core.cleaning.tracks import overlap
from supervisor_core.cleaning.video import Cleaned, base_mask
from supervisor_core.media.dicom import read_dicom
from supervisor_core.media.kinds import Container, Kind
from supervisor_core.media.stills import read_still, write_still

NO_TIMELINE = hashlib.sha256().hexdigest()
SAME_REGION = 0.7


def clean_still(job: Job) -> Cleaned:
    """Cleans a still or single-frame DICOM into a PNG or JPEG of the same size.

    Raises `Failed` as `read_still` and `read_dicom` do, and the reasons of `load_mask`.
    """
    picture = _read(job)
    height, width = picture.shape[:2]
    looked = _look(picture) if job.level is Level.FRAME_LEVEL else []
    hide = must_hide(job, [[reading] for _, reading in looked])
    hidden = [region for (region, _), hides in zip(looked, hide, strict=True) if hides]
    mask = add_quads(base_mask(job, height, width), [region.quad for region in hidden])
    write_still(job.destination, paint_picture(picture, mask), still_output(job.container))
    return Cleaned(
        width=width,
        height=height,
        frames=1,
        frames_inspected=int(job.level is Level.FRAME_LEVEL),
        timeline=NO_TIMELINE,
        regions=len(hidden),
        coverage=float(mask.mean()),
        copied=False,
        findings=tuple(_finding(region, reading) for region, reading in looked if reading.readable),
    )


def still_output(container: Container) -> Container:
    """The format a cleaned still is written in: JPEG stays JPEG, all others become PNG."""
    return Container.JPEG if container is Container.JPEG else Container.PNG


def _read(job: Job) -> Picture:
    if job.kind is Kind.DICOM:
        return next(iter(read_dicom(job.source).frames()))
    return read_still(job.source)


def _look(picture: Picture) -> list[tuple[Region, Reading]]:
    """Looks plainly and at the evened-out picture, since a still shows faint text only once."""
    evened = Evened.of(picture @ np.array([0.114, 0.587, 0.299], dtype=np.float32)).bgr()
    plain = plain_look(detector(), reader(), picture)
    faint = [
        region for region in plain_look(detector(), reader(), evened) if not _known(region, plain)
    ]
    looked = [(region, reader().read(picture, region.quad)) for region in plain]
    looked += [(region, reader().read(evened, region.quad)) for region in faint]
    return sorted(looked, key=lambda look: look[0].box[1::-1])


def _known(region: Region, others: list[Region]) -> bool:
    return any(overlap(region.box, other.box) > SAME_REGION for other in others)


def _finding(region: Region, reading: Reading) -> Finding:
    x0, y0, x1, y1 = (round(side) for side in region.box)
    return Finding(reading.text, 0.0, 0.0, x0, y0, x1 - x0, y1 - y0)
