"""The one form of a run: an intake, which attempt it is, and why."""

import dagster as dg

from supervisor_core.keys import IntakeKey
from supervisor_core.repair import Cause, Repair

ATTEMPT_TAG = "supervisor/attempt"
CAUSE_TAG = "supervisor/cause"
REQUEST_TAG = "supervisor/request"
PARTITION_TAG = "dagster/partition"
PRIORITY_TAG = "dagster/priority"


def run_request(
    intake: IntakeKey, *, attempt: int, run_key: str | None = None, **tags: str
) -> dg.RunRequest:
    """A run of one intake; its key carries the attempt, because Dagster remembers keys for ever."""
    return dg.RunRequest(
        run_key=run_key or f"{intake}#{attempt}",
        partition_key=intake,
        tags={ATTEMPT_TAG: str(attempt)} | tags,
    )


def repair_request(repair: Repair) -> dg.RunRequest:
    """A run that repairs; what would merely be better waits behind everything else."""
    later = {PRIORITY_TAG: "-1"} if repair.cause is Cause.OLD_CODE else {}
    return run_request(
        repair.intake,
        attempt=repair.attempt,
        run_key=repair.run_key,
        **{CAUSE_TAG: repair.cause.value},
        **later,
    )
