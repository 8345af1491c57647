"""From the numbers stored in a DICOM frame to the 8-bit picture that a viewer shows.

Greys go through the modality's rescaling, then the window or its table; without either, the whole
range of the recording is shown, the same for all its frames. Source: DICOM PS3.3 C.11.1, C.11.2.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

from supervisor_core.media.dicom_frames import Stored
from supervisor_core.media.picture import Picture


@dataclass(frozen=True)
class Display:
    """How to show one recording's frames: stored values from `low` to `high` become 0 to 255."""

    header: Dataset
    low: float
    high: float

    @classmethod
    def of(cls, header: Dataset, frames: Iterable[Stored]) -> "Display":
        """Reads the limits from the header, or from all frames when the header has none."""
        limits = _limits(header)
        if limits is None:
            values = [_range(apply_modality_lut(frame, header)) for frame in frames]
            limits = min(low for low, _ in values), max(high for _, high in values)
        return cls(header, *limits)

    def picture(self, frame: Stored) -> Picture:
        """The frame (rows, columns) or (rows, columns, samples) as BGR uint8."""
        if self.header.get("PhotometricInterpretation") == "PALETTE COLOR":
            coloured = apply_color_lut(frame, self.header)
            return _bgr(_upper_bits(coloured, 16))
        if frame.ndim == 3:
            return _bgr(_upper_bits(frame, int(self.header.BitsStored)))
        return _bgr(np.repeat(self._grey(frame)[:, :, None], 3, axis=2))

    def _grey(self, frame: Stored) -> Picture:
        values = apply_modality_lut(frame, self.header)
        if "VOILUTSequence" in self.header:
            values = apply_voi_lut(values, self.header, prefer_lut=True)
        span = max(self.high - self.low, 1e-9)
        shown = np.clip((values.astype(np.float32) - self.low) / span, 0, 1) * 255
        if self.header.get("PhotometricInterpretation") == "MONOCHROME1":
            shown = 255 - shown
        return np.asarray(np.nan_to_num(shown).round(), dtype=np.uint8)


def _limits(header: Dataset) -> tuple[float, float] | None:
    """The stored values that become black and white, or None when the header leaves it open."""
    if "VOILUTSequence" in header:
        return 0, float(2 ** int(header.VOILUTSequence[0].LUTDescriptor[2]) - 1)
    centre, width = _first(header.get("WindowCenter")), _first(header.get("WindowWidth"))
    if centre is not None and width is not None and width >= 1:
        return centre - width / 2, centre + width / 2 - 1
    rescaled = "RescaleSlope" in header or "ModalityLUTSequence" in header
    unsigned = not header.get("PixelRepresentation")
    coloured = not str(header.get("PhotometricInterpretation")).startswith("MONOCHROME")
    if coloured or (header.get("BitsStored") == 8 and unsigned and not rescaled):
        return 0, 255
    return None


def _first(value: object) -> float | None:
    if isinstance(value, MultiValue):
        value = value[0] if value else None
    return None if value in (None, "") else float(str(value))


def _range(values: Stored) -> tuple[float, float]:
    return float(np.nanmin(values)), float(np.nanmax(values))


def _upper_bits(values: Stored, bits: int) -> Picture:
    # Decoders may have narrowed the values already, whatever the header says.
    held = min(bits, values.dtype.itemsize * 8)
    return (values >> max(held - 8, 0)).astype(np.uint8)


def _bgr(rgb: Picture) -> Picture:
    return np.ascontiguousarray(rgb[:, :, 2::-1])
