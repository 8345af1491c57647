"""What a camera has written into a still, as far as it is kept: see `Exif`."""

import re

from PIL import Image
from PIL.ExifTags import IFD, Base

from supervisor_core.enrichment.prompt import word_of
from supervisor_core.libraries.visit import Exif
from supervisor_core.media.damage import damaged
from supervisor_core.media.stills import orientation_of
from supervisor_core.reasons import Failed, Reason

_MOMENT = re.compile(r"([0-9]{4}):([0-9]{2}):([0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})", re.ASCII)


def exif_of(image: Image.Image) -> Exif:
    """What an opened still says; one whose EXIF makes no sense says nothing."""
    try:
        with damaged(Reason.METADATA_EXTRACTION_FAILED):
            values = image.getexif()
            below = values.get_ifd(IFD.Exif)
            gps = bool(values.get_ifd(IFD.GPSInfo))
            words = [values.get(Base.Make), values.get(Base.Model)]
            moment = below.get(Base.DateTimeOriginal) or values.get(Base.DateTime)
    except Failed:
        return Exif(orientation=orientation_of(image))
    return Exif(_moment(moment), _camera(*words), orientation_of(image), gps)


def _moment(text: object) -> str | None:
    found = _MOMENT.match(text) if isinstance(text, str) else None
    if found is None or found[1] == "0000":
        return None
    return f"{found[1]}-{found[2]}-{found[3]}T{found[4]}"


def _camera(make: object, model: object) -> str | None:
    """Maker and model; the model alone where it begins with the maker's name."""
    first, second = word_of(make) or "", word_of(model) or ""
    return second if first and second.startswith(first) else word_of(f"{first} {second}")
