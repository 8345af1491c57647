"""A backup each night, and a check that tells when the last one is too old.

The check is the canary's, which is judged every quarter of an hour and tells people by alerts.
"""

from dataclasses import asdict

import dagster as dg

from resources import StoreResource
from supervisor_assets.canary.assets import canary
from supervisor_assets.facts import reason_facts
from supervisor_assets.failures import told
from supervisor_assets.pools import Pool
from supervisor_core.backup.age import first_intake, standing
from supervisor_core.reasons import Reason

_VERY_LATE = 3.0


@dg.asset_check(
    asset=canary,
    description=(
        "The last backup is younger than SUPERVISOR_BACKUP_LATE_DAYS; three times as old, or none "
        "at all by then, is an error."
    ),
)
def backed_up(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
    """Looks which backups there are; reads none of them."""
    with told(context):
        opened, settings = store.open_store(), store.settings()
        with opened.read() as connection:
            first = first_intake(connection)
        found = standing(opened.home, settings, first, opened.now())
    severe = found.last is None or found.age_days > _VERY_LATE * settings.backup_late_days
    return dg.AssetCheckResult(
        passed=not found.late,
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        metadata={
            "age_days": round(found.age_days, 2),
            "backups": found.count,
            **reason_facts({Reason.BACKUP_OVERDUE: 1} if found.late else {}),
        },
    )


@dg.op(pool=Pool.COPIES.value)
def back_up(context: dg.OpExecutionContext, store: StoreResource) -> dg.Output[None]:
    """Makes a backup, reads it again, and lets go of those that are kept no longer."""
    from supervisor_core.backup.making import back_up as make
    from supervisor_core.backup.shelf import drop_old, shelf_of

    with told(context):
        opened, settings = store.open_store(), store.settings()
        folder = shelf_of(opened.home, settings)
        made = make(opened.home, settings, folder, opened.now())
        dropped = drop_old(folder, settings.backup_daily, settings.backup_weekly)
    facts = asdict(made)
    facts["backup"] = made.backup.path.name
    return dg.Output(None, metadata=facts | {"dropped": len(dropped)})


@dg.job(
    executor_def=dg.in_process_executor,
    description="Backs up the store, Dagster's databases and the operator's files.",
)
def back_up_store() -> None:
    """Once a night."""
    back_up()
