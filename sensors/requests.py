"""What people asked for on a page, by the API or on the command line becomes runs.

Buttons and commands only write rows. A row stays queued until a run that carries its id exists, so
a request is neither lost nor run twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

from resources import PipelineResource, StoreResource
from supervisor_assets.enrichments.assets import key_of, op_of
from supervisor_assets.jobs import clean_intake, enrich_intake
from supervisor_assets.partitions import added
from supervisor_assets.requests import ATTEMPT_TAG, PRIORITY_TAG, REQUEST_TAG, run_request
from supervisor_core.asked import Move, RunState, answer
from supervisor_core.enrichment.modes import mode_named
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Failed
from supervisor_core.store import Store
from supervisor_core.store.requests import Request, State, Verb, move, open_requests

_AT_ONCE = 20


@dg.sensor(
    jobs=[clean_intake, enrich_intake],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for every request of a person, and writes down how it went.",
)
def requests(
    context: dg.SensorEvaluationContext, store: StoreResource, pipeline: PipelineResource
) -> dg.SensorResult:
    """Answers the requests that are open."""
    opened = store.open_store()
    with opened.read() as connection:
        wanted = open_requests(connection, _AT_ONCE)
    found = answer(wanted, run_states(context.instance, wanted))
    refusals = [refusal for one in found.start if (refusal := prepare(pipeline.open(), one))]
    _write(opened, [*found.moves, *refusals])
    refused = {refusal.request for refusal in refusals}
    started = [request for request in found.start if request.id not in refused]
    return dg.SensorResult(
        run_requests=[_run(request) for request in started],
        dynamic_partitions_requests=added(one.subject for one in started),
        skip_reason=None if started else dg.SkipReason(f"{len(wanted)} open, none to start"),
    )


def prepare(work: Pipeline, request: Request) -> Move | None:
    """Makes the items wait that are to be worked on again; says so when that can't be done."""
    key = IntakeKey(request.subject)
    try:
        work.summary(key)
        if request.verb is Verb.ENRICH:
            order = Ordered.of(request)
            work.queue_enrichments(key, order.modes, order.media, force=order.force)
        elif request.verb is not Verb.INGEST:
            named = _words(request.detail.get("media"))
            work.send_back(key, everything=request.verb is Verb.RECLEAN, media=named)
    except Failed as failed:
        if failed.reason.transient:
            raise
        return Move(request.id, State.FAILED, failed.reason)
    return None


def run_states(instance: dg.DagsterInstance, wanted: Iterable[Request]) -> dict[str, RunState]:
    """The state of the newest run of each request that has one."""
    states = {}
    for request in wanted:
        filters = dg.RunsFilter(tags={REQUEST_TAG: request.id})
        for run in instance.get_runs(filters, limit=1):
            states[request.id] = _STATES.get(run.status, RunState.GOING)
    return states


_STATES = {
    dg.DagsterRunStatus.SUCCESS: RunState.SUCCEEDED,
    dg.DagsterRunStatus.FAILURE: RunState.FAILED,
    dg.DagsterRunStatus.CANCELED: RunState.FAILED,
}


@dataclass(frozen=True)
class Ordered:
    """What a request for enrichment asks for."""

    modes: tuple[str, ...]
    media: tuple[str, ...]
    force: bool
    config: dict[str, int | float]

    @classmethod
    def of(cls, request: Request) -> "Ordered":
        """The detail of a request; raises `Failed(UNKNOWN_MODE)`."""
        detail = request.detail
        modes = tuple(mode_named(name).name for name in _words(detail.get("modes")))
        numbers = {name: detail[name] for name in ("batch", "limit", "minutes") if name in detail}
        config = {name: value for name, value in numbers.items() if isinstance(value, int | float)}
        return cls(modes, _words(detail.get("media")), bool(detail.get("force")), config)


def _words(value: object) -> tuple[str, ...]:
    return tuple(word for word in str(value or "").split(",") if word)


def _run(request: Request) -> dg.RunRequest:
    tags = {REQUEST_TAG: request.id}
    key = f"request:{request.id}"
    if request.verb is Verb.ENRICH:
        return _enriching(request, key, tags)
    made = run_request(IntakeKey(request.subject), attempt=1, run_key=key, **tags)
    return made.with_replaced_attrs(job_name=clean_intake.name)


def _enriching(request: Request, key: str, tags: dict[str, str]) -> dg.RunRequest:
    """A run of the modes that somebody asked for, which goes before what waits by itself."""
    order = Ordered.of(request)
    config = {"media_ids": list(order.media), **order.config}
    return dg.RunRequest(
        run_key=key,
        job_name=enrich_intake.name,
        partition_key=request.subject,
        tags={ATTEMPT_TAG: "1", PRIORITY_TAG: "2", **tags},
        asset_selection=[key_of(name) for name in order.modes],
        run_config={"ops": {op_of(name): {"config": config} for name in order.modes}},
    )


def _write(store: Store, moves: list[Move]) -> None:
    if moves:
        with store.write() as connection:
            for one in moves:
                move(connection, one.request, one.state, store.now(), one.reason)
