"""What must be true of an intake's cleaned files, asked of the store when the ladder has ended.

Two of the checks block: they would mean that a file in the tree of cleaned files is not clean. They
can't fail while the gate of the store holds, and that is what they watch. How well an intake could
be cleaned is another question and stops nothing: `anonymized` shows its worst item.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from resources import PipelineResource
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import reason_facts
from supervisor_assets.failures import told
from supervisor_assets.partitions import intake
from supervisor_assets.videos.checks import DECODABLE, decodable
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Cleaning
from supervisor_core.store.progress import IntakeSummary, Item


def _spec(name: str, description: str, *, blocking: bool = False) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name,
        asset=cleaned_frames,
        description=description,
        blocking=blocking,
        partitions_def=intake,
    )


FRAME_COUNT_MATCHES = _spec(
    "frame_count_matches", "The finished file holds the frames that were read from the source."
)
NO_RESIDUAL_TEXT = _spec(
    "no_residual_text", "No cleaned file shows text beyond what its profile allows.", blocking=True
)
NO_STRAY_METADATA = _spec(
    "no_stray_metadata", "No cleaned file carries forbidden metadata or streams.", blocking=True
)
ANONYMIZED = _spec(
    "anonymized", "How well the worst item could be cleaned: every frame, by region, or not at all."
)


@dg.multi_asset_check(
    name="proof",
    specs=[DECODABLE, FRAME_COUNT_MATCHES, NO_RESIDUAL_TEXT, NO_STRAY_METADATA, ANONYMIZED],
    # One of them is of `videos`: else neither asset could be selected without the other.
    can_subset=True,
    description="Looks up what verification has proven of the intake's files.",
)
def proof(
    context: dg.AssetCheckExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.AssetCheckResult]:
    """Reads the intake's summary once and judges it as often as is asked for."""
    with told(context):
        summary = pipeline.open().summary(IntakeKey(context.partition_key))
    for spec, judge in _JUDGES:
        if spec.key in context.selected_asset_check_keys:
            yield judge(summary)


def frame_count_matches(summary: IntakeSummary) -> dg.AssetCheckResult:
    """Fails when verification counted other frames than cleaning wrote."""
    outputs = [item.output for item in in_tree(summary) if item.output]
    different = [one for one in outputs if one.verified_frames != one.frames]
    facts = {
        "files": len(outputs),
        "files_different": len(different),
        "frames": sum(one.frames for one in outputs),
        "items_sent_down": summary.reasons.get(Reason.FRAMES_MISSING, 0),
    }
    return _result(FRAME_COUNT_MATCHES, passed=not different, facts=facts)


def no_residual_text(summary: IntakeSummary) -> dg.AssetCheckResult:
    """Fails when a file in the tree of cleaned files was not proven free of text."""
    files = in_tree(summary)
    bad = [item for item in files if not _proven(item) or item.output.residual_regions]  # type: ignore[union-attr]
    fallen = summary.reasons.get(Reason.RESIDUAL_TEXT, 0)
    facts = {"files": len(files), "files_not_clean": len(bad), "items_sent_down": fallen}
    return _result(NO_RESIDUAL_TEXT, passed=not bad, facts=facts)


def no_stray_metadata(summary: IntakeSummary) -> dg.AssetCheckResult:
    """Fails when a file in the tree of cleaned files was not proven free of metadata."""
    files = in_tree(summary)
    bad = [item for item in files if not _proven(item)]
    fallen = summary.reasons.get(Reason.RESIDUAL_METADATA, 0)
    facts = {"files": len(files), "files_not_clean": len(bad), "items_sent_down": fallen}
    return _result(NO_STRAY_METADATA, passed=not bad, facts=facts)


_SEVERITY = {
    Cleaning.ROI_MASK: dg.AssetCheckSeverity.WARN,
    Cleaning.RAW_ASIDE: dg.AssetCheckSeverity.ERROR,
}
_BADGES = {
    Cleaning.FRAME_LEVEL: "Anonymized: every frame",
    Cleaning.ROI_MASK: "Anonymized: by region",
    Cleaning.RAW_ASIDE: "Raw (not anonymized)",
    Cleaning.NOT_REQUIRED: "Not required by the profile",
}


def anonymized(summary: IntakeSummary) -> dg.AssetCheckResult:
    """Passes at level 1 and where none is required, warns at level 2, fails below and when open.

    It passes too where nothing came in: `accepted` says why.
    """
    worst = summary.worst_level
    if worst is None and summary.settled:
        badge = {"worst_level": "none", "badge": "Nothing to clean"}
        return dg.AssetCheckResult(
            check_name=ANONYMIZED.name, asset_key=ANONYMIZED.asset_key, passed=True, metadata=badge
        )
    passed = worst in (Cleaning.FRAME_LEVEL, Cleaning.NOT_REQUIRED) and summary.settled
    return dg.AssetCheckResult(
        check_name=ANONYMIZED.name,
        asset_key=ANONYMIZED.asset_key,
        passed=passed,
        severity=_SEVERITY.get(worst, dg.AssetCheckSeverity.ERROR),  # type: ignore[arg-type]
        metadata={
            "worst_level": str(worst or "none"),
            "badge": _BADGES.get(worst, "Not finished"),  # type: ignore[arg-type]
            **{str(level): count for level, count in summary.levels.items()},
            **reason_facts({} if passed else summary.reasons),
        },
    )


_JUDGES = (
    (DECODABLE, decodable),
    (FRAME_COUNT_MATCHES, frame_count_matches),
    (NO_RESIDUAL_TEXT, no_residual_text),
    (NO_STRAY_METADATA, no_stray_metadata),
    (ANONYMIZED, anonymized),
)


def in_tree(summary: IntakeSummary) -> Sequence[Item]:
    """The items whose current output lies in the tree of cleaned files."""
    return [
        item
        for item in summary.media.values()
        if item.output and (item.output.path or "").startswith("cleaned/")
    ]


def _proven(item: Item) -> bool:
    output = item.output
    return bool(output and item.verified and output.verified_at and output.verify_reason is None)


def _result(spec: dg.AssetCheckSpec, *, passed: bool, facts: dict[str, int]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=spec.name, asset_key=spec.asset_key, passed=passed, metadata=dict(facts)
    )
