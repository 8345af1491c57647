"""Whether just the released files lie outside, which is read there again."""

import dagster as dg

from supervisor_assets.facts import reason_facts
from supervisor_assets.making import intake_check
from supervisor_assets.released_files.assets import released_files
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline


@intake_check(
    released_files,
    "Every released file of the intake lies outside with the SHA-256 that was released, and none "
    "that nobody has released.",
    blocking=True,
)
def exported(work: Pipeline, key: IntakeKey) -> dg.AssetCheckResult:
    """Reads one file after the other; only one that nobody has released is an error."""
    from supervisor_core.pipeline.exported import exported as standing

    found = work.do(standing, key)
    severe = dg.AssetCheckSeverity.ERROR if found.unreleased else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=found.right == found.released and not found.unreleased,
        severity=severe,
        metadata={
            "released": found.released,
            "right": found.right,
            "missing": found.missing,
            "different": found.different,
            "not_read": found.unread,
            "not_released": found.unreleased,
            **reason_facts({found.reason: found.unread} if found.reason else {}),
        },
    )
