"""What must be true of a library's files: each decodes to its end, each was compared."""

import dagster as dg

from supervisor_assets.facts import reason_facts
from supervisor_assets.fingerprints.assets import fingerprints, integrity
from supervisor_assets.making import intake_check
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.pipeline.checking import soundness
from supervisor_core.pipeline.fingerprinting import coverage


@intake_check(
    integrity, "Every readable file of the intake holds its bytes and decodes to its end."
)
def decodes(work: Pipeline, key: IntakeKey) -> dg.AssetCheckResult:
    """Reads the store again: what was not read yet counts against it as well."""
    found = work.do(soundness, key)
    return dg.AssetCheckResult(
        passed=found.right == found.files,
        metadata={
            "files": found.files,
            "right": found.right,
            "broken": sum(found.broken.values()),
            "not_read_yet": found.unknown,
            **reason_facts(found.broken),
        },
    )


@intake_check(
    fingerprints, "Every readable file of the intake was compared with all that came before."
)
def compared(work: Pipeline, key: IntakeKey) -> dg.AssetCheckResult:
    """Reads the store again; a file too plain to be told from others counts as compared."""
    found = work.do(coverage, key)
    return dg.AssetCheckResult(
        passed=found.compared == found.files,
        metadata={
            "files": found.files,
            "compared": found.compared,
            "too_plain_to_tell": found.plain,
        },
    )
