"""Whether all of what came in was taken in, and could be read from its first picture to its last.

Nothing here stops a run: what was refused is kept in refused/, and no second try would take it in.
"""

from collections import Counter
from collections.abc import Mapping

import dagster as dg

from supervisor_assets.facts import reason_facts
from supervisor_assets.partitions import intake
from supervisor_core.reasons import Reason
from supervisor_core.states import Arrival
from supervisor_core.store.progress import IntakeSummary

UNREADABLE = frozenset(
    {
        Reason.METADATA_EXTRACTION_FAILED,
        Reason.FRAME_EXTRACTION_FAILED,
        Reason.DECODE_FAILED,
        Reason.NO_VIDEO_STREAM,
    }
)

VIDEOS = dg.AssetKey("videos")

ACCEPTED = dg.AssetCheckSpec(
    "accepted",
    asset=VIDEOS,
    partitions_def=intake,
    description="Every file was taken in; none was refused.",
)
DECODABLE = dg.AssetCheckSpec(
    "decodable",
    asset=VIDEOS,
    partitions_def=intake,
    description="Every file could be read from its first picture to its last.",
)


def accepted(summary: IntakeSummary) -> dg.AssetCheckResult:
    """Warns when files were refused, with a count for each reason; an error when all of them were.

    The metadata hold each reason's sentence and next step, never a file's name.
    """
    found = refused(summary)
    nothing_left = sum(found.values()) == len(summary.items)
    severity = dg.AssetCheckSeverity.ERROR if nothing_left else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=ACCEPTED.name,
        asset_key=ACCEPTED.asset_key,
        passed=not found,
        severity=severity,
        metadata={
            "files": len(summary.items),
            "files_refused": sum(found.values()),
            **{reason.value: n for reason, n in found.items()},
            **reason_facts(found),
        },
    )


def refused(summary: IntakeSummary) -> Mapping[Reason, int]:
    """How many files were refused, by reason."""
    return Counter(
        item.reason for item in summary.items if item.reason and item.arrival is Arrival.REFUSED
    )


def decodable(summary: IntakeSummary) -> dg.AssetCheckResult:
    """Warns when files of the intake could not be read in full, with a count for each reason."""
    found = unreadable(summary)
    return dg.AssetCheckResult(
        check_name=DECODABLE.name,
        asset_key=DECODABLE.asset_key,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "files": len(summary.items),
            **{reason.value: n for reason, n in found.items()},
            **reason_facts(found),
        },
    )


def unreadable(summary: IntakeSummary) -> Mapping[Reason, int]:
    """How many files could not be read, by reason."""
    return {reason: n for reason, n in summary.reasons.items() if reason in UNREADABLE}
