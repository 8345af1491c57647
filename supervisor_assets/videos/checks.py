"""Whether what came in could be read from its first picture to its last."""

from collections.abc import Mapping

import dagster as dg

from supervisor_assets.partitions import intake
from supervisor_assets.videos.assets import videos
from supervisor_core.reasons import Reason
from supervisor_core.store.progress import IntakeSummary

UNREADABLE = frozenset(
    {
        Reason.METADATA_EXTRACTION_FAILED,
        Reason.FRAME_EXTRACTION_FAILED,
        Reason.DECODE_FAILED,
        Reason.NO_VIDEO_STREAM,
    }
)

DECODABLE = dg.AssetCheckSpec(
    "decodable",
    asset=videos,
    partitions_def=intake,
    description="Every file could be read from its first picture to its last.",
)


def decodable(summary: IntakeSummary) -> dg.AssetCheckResult:
    """Warns when files of the intake could not be read in full, with a count for each reason."""
    found = unreadable(summary)
    return dg.AssetCheckResult(
        check_name=DECODABLE.name,
        asset_key=DECODABLE.asset_key,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"files": len(summary.items), **{reason.value: n for reason, n in found.items()}},
    )


def unreadable(summary: IntakeSummary) -> Mapping[Reason, int]:
    """How many files could not be read, by reason."""
    return {reason: n for reason, n in summary.reasons.items() if reason in UNREADABLE}
