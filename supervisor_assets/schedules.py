"""What happens by the clock."""

import dagster as dg

from supervisor_assets.canary.assets import EVERY_MINUTES
from supervisor_assets.care.checks import prune_attempts
from supervisor_assets.jobs import look_over, watch
from supervisor_assets.library.assets import tidy_library

watch_schedule = dg.ScheduleDefinition(
    name="every_quarter_hour",
    job=watch,
    cron_schedule=f"*/{EVERY_MINUTES} * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Flies the canary, and judges what is judged by the clock.",
)

tidy_schedule = dg.ScheduleDefinition(
    name="library_every_night",
    job=tidy_library,
    cron_schedule="40 2 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Applies the retention of every stream to the library.",
)

look_over_schedule = dg.ScheduleDefinition(
    name="store_every_night",
    job=look_over,
    cron_schedule="20 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks the store over against the files.",
)

prune_schedule = dg.ScheduleDefinition(
    name="attempts_every_week",
    job=prune_attempts,
    cron_schedule="10 4 * * 0",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes attempts of long ago.",
)

SCHEDULES = (watch_schedule, tidy_schedule, look_over_schedule, prune_schedule)
