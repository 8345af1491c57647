"""What must be true of a library's files: each decodes to its end, each was compared."""

import dagster as dg

from resources import PipelineResource
from supervisor_assets.facts import reason_facts
from supervisor_assets.failures import told
from supervisor_assets.fingerprints.assets import fingerprints, integrity
from supervisor_assets.partitions import intake
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.checking import soundness
from supervisor_core.pipeline.fingerprinting import coverage


@dg.asset_check(
    asset=integrity,
    partitions_def=intake,
    description="Every readable file of the intake holds its bytes and decodes to its end.",
)
def decodes(
    context: dg.AssetCheckExecutionContext, pipeline: PipelineResource
) -> dg.AssetCheckResult:
    """Reads the store again: what was not read yet counts against it as well."""
    with told(context):
        found = pipeline.open().do(soundness, IntakeKey(context.partition_key))
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


@dg.asset_check(
    asset=fingerprints,
    partitions_def=intake,
    description="Every readable file of the intake was compared with all that came before.",
)
def compared(
    context: dg.AssetCheckExecutionContext, pipeline: PipelineResource
) -> dg.AssetCheckResult:
    """Reads the store again; a file too plain to be told from others counts as compared."""
    with told(context):
        found = pipeline.open().do(coverage, IntakeKey(context.partition_key))
    return dg.AssetCheckResult(
        passed=found.compared == found.files,
        metadata={
            "files": found.files,
            "compared": found.compared,
            "too_plain_to_tell": found.plain,
        },
    )
