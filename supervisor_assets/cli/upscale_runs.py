"""Runs the job that makes pictures larger in this very process, seen in lineage as any other."""

from collections.abc import Sequence
from typing import cast

import dagster as dg

from supervisor_assets.definitions import definitions_for
from supervisor_assets.jobs import upscale_intake
from supervisor_assets.partitions import intake as partition
from supervisor_assets.requests import run_request
from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_upscales(instance: dg.DagsterInstance, home: Home, intakes: Sequence[IntakeKey]) -> None:
    """One run after the other; what came of them stands in the store."""
    job = definitions_for(str(home.root)).resolve_job_def(upscale_intake.name)
    instance.add_dynamic_partitions(cast(str, partition.name), list(intakes))
    for key in intakes:
        job.execute_in_process(
            instance=instance,
            partition_key=key,
            raise_on_error=False,
            run_config=_QUIET,
            tags=run_request(key, attempt=1).tags,
        )
