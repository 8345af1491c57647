"""Tells people when a check fails or a run does, and when it passes again.

Dagster's open-source parts tell nobody of a failing check. Its events are read in the order in
which they were written, each kind up to the same place, so none is read twice or passed over; the
place is kept in our store with what was made of it. An execution's own number will not do: it is
given out when a check is planned, and a run of a day ends long after a thousand later ones.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.events.log import EventLogEntry

from resources import NotifierResource
from sensors.runs import ELSEWHERE
from supervisor_assets.failures import REASON_TAG
from supervisor_assets.requests import PARTITION_TAG
from supervisor_core.notify.causes import Sign
from supervisor_core.notify.message import NO_REASON, known_item
from supervisor_core.reasons import Reason

Event = dg.DagsterEventType
KINDS = (
    Event.ASSET_CHECK_EVALUATION,
    Event.RUN_FAILURE,
    Event.RUN_SUCCESS,
    Event.FRESHNESS_STATE_CHANGE,
)
_PAGE = 1000
_PAGES = 10
_FIRST_LOOK = 5000
_FIRST_AGE = timedelta(hours=1)
_FIGURES = 12
_SILENT = frozenset({*ELSEWHERE, Reason.CANCELLED.value})


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells who is to be told that a check or a run fails, and that it passes again.",
)
def alerts(context: dg.SensorEvaluationContext, notifier: NotifierResource) -> dg.SkipReason:
    """Reads what is new, queues what is due, and delivers what waits."""
    desk = notifier.open_desk()
    entries, position = new_events(context.instance, desk.position(), desk.store.now())
    level = desk.settings.alert_level
    signs = list(signs_of(context.instance, entries, set(desk.subjects_failing()), level))
    notices = desk.report(signs, position, _subjects(context))
    done = desk.deliver()
    said = f"{len(entries)} events, {len(notices)} notices, {done.sent} messages sent"
    if done.reason:
        context.log.warning("%s: %s", done.reason, done.reason.sentence)
        said += f", {done.failed} not: {done.reason}"
    return dg.SkipReason(said)


def new_events(
    instance: dg.DagsterInstance, position: int | None, now: datetime
) -> tuple[list[EventLogEntry], int]:
    """The events after a position in their order, and the position after them.

    The first look goes back an hour at most. A position that Dagster has not reached yet is one of
    another database, which is read from its beginning.
    """
    storage = instance.event_log_storage
    newest = storage.get_maximum_record_id() or 0
    after = position if position is not None else max(-1, newest - _FIRST_LOOK)
    if after > newest:
        after = -1
    found: dict[int, EventLogEntry] = {}
    for kind in KINDS:
        entries, newest = _pages(instance, kind, after, newest)
        found |= entries
    oldest_s = 0.0 if position is not None else (now - _FIRST_AGE).timestamp()
    wanted = [
        entry
        for number, entry in sorted(found.items())
        if number <= newest and entry.timestamp >= oldest_s
    ]
    return wanted, newest


def _pages(
    instance: dg.DagsterInstance, kind: Event, after: int, newest: int
) -> tuple[Mapping[int, EventLogEntry], int]:
    """Events of one kind up to `newest`, or up to where we stop for this time."""
    found: dict[int, EventLogEntry] = {}
    for _ in range(_PAGES):
        page = instance.event_log_storage.get_logs_for_all_runs_by_log_id(
            after_cursor=after, dagster_event_type=kind, limit=_PAGE
        )
        found |= page
        after = max(page, default=after)
        if len(page) < _PAGE or after >= newest:
            return found, newest
    return found, min(newest, after)


def signs_of(
    instance: dg.DagsterInstance, entries: list[EventLogEntry], failing: set[str], level: str
) -> Iterator[Sign]:
    """What the events say; runs that succeed matter only where some of their job have failed."""
    for entry in entries:
        event = entry.dagster_event
        if event is None:
            continue
        at = datetime.fromtimestamp(entry.timestamp, UTC)
        content = event.event_specific_data
        if isinstance(content, dg.AssetCheckEvaluation):
            yield _of_check(content, entry.run_id or None, at, level)
        elif isinstance(content, FreshnessStateChange):
            yield _of_freshness(content, at)
        elif event.event_type is Event.RUN_FAILURE and (sign := _of_failure(instance, entry, at)):
            failing.add(sign.subject)
            yield sign
        elif event.event_type is Event.RUN_SUCCESS and f"run:{entry.job_name}" in failing:
            item = known_item(_tags(instance, entry).get(PARTITION_TAG))
            yield Sign(f"run:{entry.job_name}", item, None, at)


def _of_check(found: dg.AssetCheckEvaluation, run: str | None, at: datetime, level: str) -> Sign:
    key = found.asset_check_key
    severe = found.severity is dg.AssetCheckSeverity.ERROR
    silent = found.passed or (level == "error" and not severe)
    return Sign(
        subject=f"check:{key.asset_key.to_user_string()}:{key.name}",
        item=known_item(found.partition),
        cause=None if silent else found.severity.value,
        at=at,
        run=run,
        figures={} if found.partition else _figures(found),
    )


def _figures(found: dg.AssetCheckEvaluation) -> dict[str, float]:
    """The numbers among the metadata of a check: texts may hold what is nobody's business."""
    numbers = {
        name: value.value
        for name, value in found.metadata.items()
        if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue)
        and value.value is not None
    }
    return dict(list(numbers.items())[:_FIGURES])


def _of_freshness(found: FreshnessStateChange, at: datetime) -> Sign:
    stale = found.new_state is FreshnessState.FAIL
    return Sign(f"fresh:{found.key.to_user_string()}", "", "STALE" if stale else None, at)


def _of_failure(instance: dg.DagsterInstance, entry: EventLogEntry, at: datetime) -> Sign | None:
    """A run that failed; not one that left its work to another run, which goes on by itself."""
    tags = _tags(instance, entry)
    reason = tags.get(REASON_TAG, NO_REASON)
    if reason in _SILENT:
        return None
    cause = reason if reason in set(Reason) else NO_REASON
    item = known_item(tags.get(PARTITION_TAG))
    return Sign(f"run:{entry.job_name}", item, cause, at, entry.run_id)


def _tags(instance: dg.DagsterInstance, entry: EventLogEntry) -> Mapping[str, str]:
    run = instance.get_run_by_id(entry.run_id)
    return run.tags if run else {}


def _subjects(context: dg.SensorEvaluationContext) -> frozenset[str] | None:
    """The checks that there are; None where the definitions are not at hand."""
    if context.repository_def is None:
        return None
    keys = context.repository_def.asset_graph.asset_check_keys
    return frozenset(f"check:{key.asset_key.to_user_string()}:{key.name}" for key in keys)
