"""An intake's way from arrival to verified: what Dagster's ops, the command line and tests call.

The names below are loaded when they are asked for: the child that looks at pictures imports one
module of this package (`child`), and neither needs the store nor has the time to load it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supervisor_core.pipeline.pipeline import Pipeline
    from supervisor_core.pipeline.reports import ImportReport, StepReport

__all__ = ["ImportReport", "Pipeline", "StepReport"]

_PLACES = {"Pipeline": "pipeline", "ImportReport": "reports", "StepReport": "reports"}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
