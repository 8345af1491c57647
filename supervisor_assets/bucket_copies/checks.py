"""Whether the copies lie in the bucket as they should, which the storage itself is asked."""

import dagster as dg

from supervisor_assets.bucket_copies.assets import bucket_copies
from supervisor_assets.facts import reason_facts
from supervisor_assets.making import intake_check
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline


@intake_check(
    bucket_copies,
    "Every verified file of the intake lies in the bucket, in its size and SHA-256.",
)
def copied(work: Pipeline, key: IntakeKey) -> dg.AssetCheckResult:
    """Asks for one object after the other; passes where no bucket is set, and says so."""
    found = work.copies(key)
    return dg.AssetCheckResult(
        passed=found.right == found.files,
        metadata={
            "bucket_is_set": found.wanted,
            "files": found.files,
            "right": found.right,
            "missing": found.missing,
            "different": found.different,
            "not_asked": found.unasked,
            **reason_facts({found.reason: found.unasked} if found.reason else {}),
        },
    )
