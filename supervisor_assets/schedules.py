"""What happens by the clock."""

import dagster as dg

from supervisor_assets.canary.assets import EVERY_MINUTES
from supervisor_assets.jobs import watch

watch_schedule = dg.ScheduleDefinition(
    name="every_quarter_hour",
    job=watch,
    cron_schedule=f"*/{EVERY_MINUTES} * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Flies the canary and judges the service level.",
)
