"""Whether a recording is whole, and whether those under way come on."""

from collections.abc import Iterator

import dagster as dg

from resources import PipelineResource, StoreResource
from supervisor_assets.facts import reason_facts
from supervisor_assets.failures import told
from supervisor_assets.partitions import intake
from supervisor_assets.recordings.assets import recordings
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Reason
from supervisor_core.recording.progress import State as Picture
from supervisor_core.sessions.account import Account
from supervisor_core.sessions.stuck import Found, look, why_stuck
from supervisor_core.states import Recording
from supervisor_core.store.recordings import Session

COVERAGE = 0.999
_WARN = dg.AssetCheckSeverity.WARN


def _spec(name: str, description: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=recordings, partitions_def=intake, description=description)


@dg.multi_asset_check(
    specs=[
        _spec("coverage", "Of the seconds that should be there, 99.9 % were recorded."),
        _spec("gaps", "No break in the stream has cost a second; each is listed with its reason."),
        _spec("segments_decode", "Every segment decodes to its end and shows something new."),
    ],
    name="recorded",
)
def recorded(
    context: dg.AssetCheckExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.AssetCheckResult]:
    """Judges one session by what was decoded of it."""
    with told(context):
        account = pipeline.open().recording_account(IntakeKey(context.partition_key))
    yield from (_coverage(account), _gaps(account), _segments_decode(account))


@dg.asset_check(
    asset=recordings,
    description="Everything that is being recorded comes on: files grow, or a source is opened.",
)
def no_stuck_segment(
    context: dg.AssetCheckExecutionContext, store: StoreResource
) -> dg.AssetCheckResult:
    """Looks at every session of this moment."""
    with told(context):
        opened = store.open_store()
        found = look(opened, opened.home)
        stuck = [one.session for one in found if why_stuck(one, opened.now())]
    return dg.AssetCheckResult(passed=not stuck, metadata=_stuck_facts(found, stuck))


def evaluation(found: list[Found], stuck: list[Session]) -> dg.AssetCheckEvaluation:
    """The same check, as a sensor reports it that has found stuck sessions."""
    return dg.AssetCheckEvaluation(
        asset_key=recordings.key,
        check_name="no_stuck_segment",
        passed=not stuck,
        metadata=_stuck_facts(found, stuck),
    )


def _stuck_facts(found: list[Found], stuck: list[Session]) -> dict[str, dg.MetadataValue]:
    running = sum(one.session.state is Recording.RUNNING for one in found)
    return {
        "recordings": dg.MetadataValue.int(running),
        "stuck": dg.MetadataValue.int(len(stuck)),
        "streams": dg.MetadataValue.text(", ".join(sorted({one.stream for one in stuck}))),
    }


def _coverage(account: Account) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="coverage",
        passed=account.coverage >= COVERAGE,
        severity=_WARN,
        metadata={
            "recorded_seconds": round(account.recorded_s, 3),
            "missing_seconds": round(account.missing_s, 3),
            "coverage_percent": round(100 * account.coverage, 3),
            "goal_percent": 100 * COVERAGE,
        },
    )


def _gaps(account: Account) -> dg.AssetCheckResult:
    reasons: dict[Reason, int] = {}
    for gap in account.gaps:
        reasons[gap.reason] = reasons.get(gap.reason, 0) + 1
    lacking = [gap for gap in account.gaps if account.lacks(gap)]
    return dg.AssetCheckResult(
        check_name="gaps",
        passed=not lacking,
        severity=_WARN,
        metadata={
            "breaks": len(account.gaps),
            "gaps": len(lacking),
            "missing_seconds": round(account.missing_s, 3),
            **reason_facts(reasons),
        },
    )


def _segments_decode(account: Account) -> dg.AssetCheckResult:
    still = {
        Picture.FROZEN: Reason.STREAM_FROZEN,
        Picture.LOOPING: Reason.STREAM_LOOPING,
    }
    reasons = dict(account.damaged)
    for segment in account.segments:
        if segment.picture in still:
            reasons[still[segment.picture]] = reasons.get(still[segment.picture], 0) + 1
    return dg.AssetCheckResult(
        check_name="segments_decode",
        passed=not reasons,
        severity=_WARN,
        metadata={"segments": len(account.segments), **reason_facts(reasons)},
    )
