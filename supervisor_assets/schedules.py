"""What happens by the clock."""

import dagster as dg

from supervisor_assets.canary.assets import EVERY_MINUTES
from supervisor_assets.jobs import watch
from supervisor_assets.library.assets import tidy_library

watch_schedule = dg.ScheduleDefinition(
    name="every_quarter_hour",
    job=watch,
    cron_schedule=f"*/{EVERY_MINUTES} * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Flies the canary and judges the service level.",
)

tidy_schedule = dg.ScheduleDefinition(
    name="library_every_night",
    job=tidy_library,
    cron_schedule="40 2 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Applies the retention of every stream to the library.",
)
