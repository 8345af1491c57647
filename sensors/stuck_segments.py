"""Recordings that do not come on, or whose run died, are ended and go on in another run.

What the store and the files say decides, never what a process says of itself. A stuck session is
interrupted, and no more: the run that goes on salvages its files and takes the next number.
"""

import time

import dagster as dg

from resources import StoreResource
from sensors.runs import end_dead_runs, last_runs
from supervisor_assets.jobs import record_stream
from supervisor_assets.partitions import added
from supervisor_assets.recordings.checks import evaluation
from supervisor_assets.requests import repair_request
from supervisor_core.repair import Cause, LastRun, Repair
from supervisor_core.sessions.stuck import Found, due, interrupt, look, why_stuck
from supervisor_core.store import Store
from supervisor_core.store.recordings import Session

AT_ONCE = 20


@dg.sensor(
    job=record_stream,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends recordings that are stuck, and has them gone on with.",
)
def stuck_segments(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
    """Interrupts what is stuck, and asks for a run for everything that nobody works on."""
    opened = store.open_store()
    before = look(opened, opened.home)
    if not before:
        return dg.SensorResult(skip_reason="Nothing is being recorded.")
    stuck = interrupt_stuck(opened, before)
    if stuck:
        end_dead_runs(context.instance)
    sessions = [one.session for one in (look(opened, opened.home) if stuck else before)]
    runs = last_runs(
        context.instance, record_stream.name, [s.intake for s in sessions], time.time()
    )
    wanted = due(sessions, runs, opened.now())[:AT_ONCE]
    return dg.SensorResult(
        run_requests=[_request(one, runs.get(one.intake)) for one in wanted],
        dynamic_partitions_requests=added(one.intake for one in wanted),
        asset_events=[evaluation(before, stuck)] if stuck else [],
        skip_reason=None if wanted else f"{len(sessions)} sessions, {len(stuck)} stuck, none due",
    )


def interrupt_stuck(store: Store, found: list[Found]) -> list[Session]:
    """Ends what is stuck, each for itself, and returns those sessions."""
    reasons = {one.session.intake: why_stuck(one, store.now()) for one in found}
    return [
        one.session
        for one in found
        if (reason := reasons[one.session.intake]) and interrupt(store, one.session, reason)
    ]


def _request(session: Session, run: LastRun | None) -> dg.RunRequest:
    attempt, follows = (run.attempt + 1, run.run_id[:8]) if run else (1, "")
    return repair_request(Repair(session.intake, Cause.UNFINISHED, attempt, follows))
