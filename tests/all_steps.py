"""The steps of an intake's way in their order, as the job makes them."""

from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.states import Cleaning

LEVELS = (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK)


def take_through(work: Pipeline, key: IntakeKey) -> None:
    """From the inbox to the thumbnails."""
    work.import_items(key)
    clean(work, key)


def clean(work: Pipeline, key: IntakeKey) -> None:
    """From what was imported to the thumbnails."""
    for level in LEVELS:
        work.mask(key, level)
        work.verify(key, level)
    work.set_aside(key)
    work.thumbnails(key)
