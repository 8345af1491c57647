"""Configured streams that go live are recorded: each in a run of its own, under its own key.

A look opens the stream as the recorder would, for some seconds at most, several streams side by
side. One that hangs costs its own limit and nobody else's.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import dagster as dg

from resources import StoreResource
from supervisor_assets.jobs import record_stream
from supervisor_assets.partitions import added
from supervisor_assets.requests import run_request
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Failed
from supervisor_core.recording.streams import Stream
from supervisor_core.sessions.beginning import begin, streams
from supervisor_core.settings import Settings
from supervisor_core.store import Store, recordings

_SIDE_BY_SIDE = 8
_A_TICK_S = 40.0  # Dagster ends a tick after a minute
REST_S = 600.0
"""A stream that a person has stopped is left alone for so long."""


def live_streams_of(home: str) -> dg.SensorDefinition:
    """The sensor for one home; an empty one is what SUPERVISOR_HOME says."""
    store = StoreResource(home=home)

    @dg.sensor(
        job=record_stream,
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a recording for every stream of streams.toml that goes live.",
    )
    def live_streams(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """Looks at the streams that nobody records, and begins a session for those that live."""
        settings = store.settings()
        home = settings.open_home()
        configured = streams(home, settings)
        if not configured:
            return dg.SensorResult(skip_reason="No stream is configured.")
        opened = Store(home, settings)
        idle = idle_streams(opened, configured)
        names = _in_turn(sorted(idle), context.cursor or "", settings)
        alive = look(settings, {name: idle[name] for name in names})
        keys = [key for name in alive if (key := begin(opened, name, idle[name]))]
        return _result(keys, alive, names)

    return live_streams


def idle_streams(store: Store, configured: dict[str, Stream]) -> dict[str, Stream]:
    """The streams that are not being recorded, and that nobody has stopped a moment ago."""
    now = store.now()
    idle = {}
    with store.read() as connection:
        for name, stream in configured.items():
            last = recordings.last_of(connection, name)
            if last is None or not (last.open or last.rests(now, REST_S)):
                idle[name] = stream
    return idle


def look(settings: Settings, idle: dict[str, Stream]) -> list[str]:
    """The names of those that are live now."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE, "live") as pool:
        found = pool.map(lambda stream: _is_live(settings, stream), idle.values())
        return [name for name, alive in zip(idle, found, strict=True) if alive]


def _is_live(settings: Settings, stream: Stream) -> bool:
    # What opens streams takes a while to import, and most installations have none.
    from supervisor_core.recording.probing import Liveness, probe
    from supervisor_core.recording.results import opening_of

    opening = opening_of(stream.address, settings, stream.proxies, stream.quality)
    try:
        return probe(opening, settings.recording_probe_s) is Liveness.LIVE
    except Failed:
        return False


def _in_turn(names: Sequence[str], after: str, settings: Settings) -> list[str]:
    """As many streams as a tick has time for, behind those of the tick before."""
    ordered = [
        *(name for name in names if name > after),
        *(name for name in names if name <= after),
    ]
    rounds = max(1, int(_A_TICK_S // (settings.recording_probe_s + settings.grace_s)))
    return ordered[: rounds * _SIDE_BY_SIDE]


def _result(
    keys: Sequence[IntakeKey], alive: Sequence[str], names: Sequence[str]
) -> dg.SensorResult:
    idle = f"{len(names)} streams looked at, {len(alive)} live, none to begin"
    return dg.SensorResult(
        run_requests=[run_request(key, attempt=1) for key in keys],
        dynamic_partitions_requests=added(keys),
        cursor=names[-1] if names else "",
        skip_reason=None if keys else idle,
    )
