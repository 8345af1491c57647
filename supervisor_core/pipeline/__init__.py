"""An intake's way from arrival to verified: what Dagster's ops, the command line and tests call."""

from supervisor_core.pipeline.pipeline import Pipeline
from supervisor_core.pipeline.reports import ImportReport, StepReport

__all__ = ["ImportReport", "Pipeline", "StepReport"]
