"""What happens by the clock."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from supervisor_assets.backups.checks import back_up_store
from supervisor_assets.canary.assets import EVERY_MINUTES
from supervisor_assets.care.checks import prune_attempts
from supervisor_assets.jobs import look_over, watch
from supervisor_assets.library.assets import tidy_library
from supervisor_assets.retention.jobs import prune_records


def _by_the_clock(
    name: str, job: dg.JobDefinition | UnresolvedAssetJobDefinition, cron: str, description: str
) -> dg.ScheduleDefinition:
    """A schedule that runs from the start; the times are those of the machine's UTC clock."""
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )


SCHEDULES = (
    _by_the_clock(
        "every_quarter_hour",
        watch,
        f"*/{EVERY_MINUTES} * * * *",
        "Flies the canary, and judges rates, what is stuck and what was left failed.",
    ),
    _by_the_clock(
        "backup_every_night",
        back_up_store,
        "5 1 * * *",
        "Backs up the store, Dagster's databases and the operator's files.",
    ),
    _by_the_clock(
        "library_every_night",
        tidy_library,
        "40 2 * * *",
        "Moves episodes beyond what their stream's table keeps to the trash.",
    ),
    _by_the_clock(
        "store_every_night",
        look_over,
        "20 3 * * *",
        "Looks the store over against the files, and reads a 32nd of them whole.",
    ),
    _by_the_clock(
        "records_every_night",
        prune_records,
        "50 4 * * *",
        "Removes runs and records of long ago on which nothing rests any more.",
    ),
    _by_the_clock(
        "attempts_every_week",
        prune_attempts,
        "10 4 * * 0",
        "Removes attempts older than SUPERVISOR_ATTEMPTS_KEPT_DAYS.",
    ),
)
