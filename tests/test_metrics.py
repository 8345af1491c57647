"""The metrics: every one is there and true, counters only rise, nothing secret, nobody waits."""

import fcntl
import time
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from metrics_parts import House, Values, value, values_of
from metrics_parts import house as house
from prometheus_client.parser import text_string_to_metric_families
from store_builders import key_of, media, seen, settings_for
from up_parts import free_port, up

from supervisor_assets.cli import health
from supervisor_assets.running.counting import counted
from supervisor_assets.running.keeper import Keeper
from supervisor_assets.running.part import Recipe
from supervisor_assets.running.publishing import Publishing
from supervisor_core.canary.outcome import Flight, Health
from supervisor_core.keys import IntakeKey
from supervisor_core.metrics import page as page_module
from supervisor_core.metrics.catalogue import CONTENT_TYPE, METRICS, Kind
from supervisor_core.metrics.counted import LIMITS_S, MOST_MODELS, MOST_SESSIONS
from supervisor_core.metrics.page import MetricsPage, Rising
from supervisor_core.metrics.samples import PartState
from supervisor_core.model.breaker import Circuit, Phase
from supervisor_core.reasons import Reason
from supervisor_core.states import Recording, Work
from supervisor_core.store import (
    Connection,
    alerts,
    audit,
    breakers,
    exports,
    pruning,
    recordings,
    segments,
    work,
)
from supervisor_core.store import media as media_table
from supervisor_core.store.arrivals import record_arrivals
from supervisor_core.store.attempts import Outcome, Step
from supervisor_core.store.audit import Deed
from supervisor_core.store.rates import FIGURES
from supervisor_core.store.recordings import Session
from supervisor_core.store.segments import GapRow
from supervisor_core.store.service import landed
from supervisor_core.store.work import Task

SECRET = "zaphod"


def test_every_metric_of_the_catalogue_is_there_and_no_other(house: House) -> None:
    lived(house)
    house.values()
    families = {f.name: f for f in text_string_to_metric_families(house.fresh())}
    kinds = {one.name.removesuffix("_total"): one for one in METRICS}
    assert families.keys() == kinds.keys()
    for name, family in families.items():
        metric = kinds[name]
        assert (family.type, family.documentation) == (metric.kind, metric.says)
        assert family.samples, name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)


def lived(house: House) -> None:
    """Something of everything."""
    now = house.clock()
    house.tried(Step.MASK, level="frame_level", seconds=3.0, media="a")
    circuit = Circuit(phase=Phase.OPEN, failures=5, reason=Reason.OLLAMA_DOWN)
    with house.store.write() as connection:
        landed(connection, Flight(Health.DEGRADED, Reason.BLOCKED_BY_OLLAMA, 9.5), now)
        breakers._save(connection, f"http://{SECRET}:1", "llava", circuit, now)
        recordings.save(connection, [session(house, "a")], now)
        segments.add_gap(connection, gap(house, "a", 4.5))


def session(house: House, word: str, **changes: object) -> Session:
    now = house.clock()
    values = {"state": Recording.RUNNING, "moved": now, "beat": now, "limit_s": 20.0} | changes
    return Session(IntakeKey(f"20260504_{word:A>10}"), SECRET, now, now, **values)


def gap(house: House, word: str, missing_s: float | None) -> GapRow:
    start = house.clock() + timedelta(seconds=1)
    end = start + timedelta(seconds=6)
    return GapRow(IntakeKey(f"20260504_{word:A>10}"), start, end, Reason.SEGMENT_STUCK, missing_s)


def test_tries_are_counted_by_stage_outcome_and_reason(house: House) -> None:
    house.tried(Step.MASK, ended_s=-5.0, level="frame_level", seconds=1.0)  # before `up` began
    house.tried(Step.MASK, level="frame_level", seconds=0.1)
    house.tried(Step.MASK, level="roi_mask", seconds=700.0)
    late = {"outcome": Outcome.FAILED, "reason": Reason.TIMEOUT, "seconds": 4000.0}
    house.tried(Step.MASK, level="frame_level", **late)
    house.tried(Step.VERIFY, **late | {"reason": Reason.VERIFICATION_TIMEOUT})
    house.tried(Step.ANALYSE, outcome=Outcome.INTERRUPTED, reason=Reason.WORKER_CRASHED)
    with house.store.write() as connection:
        deeds = [Deed("set_aside", "a", {}), Deed("prune", "attempts", {})]
        audit.write(connection, "me", deeds, house.clock())
    found = house.values()
    done = {"outcome": "done", "reason": ""}
    assert value(found, "attempts_total", stage="mask", **done) == 2
    failed = {"outcome": "failed", "reason": "TIMEOUT"}
    assert value(found, "attempts_total", stage="mask", **failed) == 1
    lost = {"outcome": "interrupted", "reason": "WORKER_CRASHED"}
    assert value(found, "attempts_total", stage="analyse", **lost) == 1
    assert value(found, "attempts_total", stage="upscale", **done) == 0
    assert value(found, "timeouts_total", stage="mask") == 1
    assert value(found, "timeouts_total", stage="verify") == 1
    assert value(found, "timeouts_total", stage="import") == 0
    assert value(found, "fallbacks_total", level="roi_mask") == 1
    assert value(found, "fallbacks_total", level="raw_aside") == 1


def test_durations_are_a_true_histogram(house: House) -> None:
    seconds = (0.05, 0.1, 0.11, 2.0, 59.0, 700.0, 4000.0)
    house.enter([house.a_try(Step.MASK, level="frame_level", seconds=one) for one in seconds])
    house.tried(Step.MASK, level="frame_level", outcome=Outcome.INTERRUPTED)  # has no seconds
    found = house.values()
    name = "attempt_duration_seconds"
    for limit in LIMITS_S:
        below = sum(one <= limit for one in seconds)
        assert value(found, f"{name}_bucket", stage="mask", le=str(limit)) == below
    assert value(found, f"{name}_bucket", stage="mask", le="+Inf") == len(seconds)
    assert value(found, f"{name}_count", stage="mask") == len(seconds)
    assert value(found, f"{name}_sum", stage="mask") == pytest.approx(sum(seconds))


def test_no_counter_falls_when_old_tries_are_removed(house: House) -> None:
    for number in range(5):
        house.tried(Step.COPY, media="a", seconds=1.0 + number)
    before = house.values()
    house.clock.turn(3600)
    with house.store.write() as connection:
        assert pruning.prune(connection, house.clock())[0] == 4  # the newest stays
    assert risen(before, house.values()) == {}
    house.tried(Step.COPY, media="a", seconds=9.0)
    after = house.values()
    done = {"outcome": "done", "reason": "", "stage": "copy"}
    assert value(after, "attempts_total", **done) == 6
    assert value(after, "attempt_duration_seconds_sum", stage="copy") == pytest.approx(24.0)
    assert value(after, "attempt_duration_seconds_count", stage="copy") == 6


def risen(before: Values, after: Values) -> dict[object, float]:
    """What counts up, and how much it has risen or fallen, if at all."""
    counting = ("_total", "_bucket", "_count", "_sum")
    names = {key for key in before | after if key[0].endswith(counting)}
    assert before.keys() >= names
    moved = {key: after[key] - before[key] for key in names if "copies" not in key[0]}
    return {key: change for key, change in moved.items() if change}


def test_what_is_gone_is_still_counted_and_comes_back_on_top() -> None:
    rising = Rising()
    seen = [rising.raise_all("a", found).get(("x",)) for found in RISING]
    assert seen == [[5.0], [5.0], [7.0], [7.0], [8.0]]
    assert rising.raise_all("b", {("x",): [1.0]}) == {("x",): [1.0]}


RISING: list[dict[tuple[str, ...], list[float]]] = [
    {("x",): [5.0]},
    {("x",): [1.0]},
    {("x",): [3.0]},
    {},
    {("x",): [1.0]},
]


def test_items_tasks_and_queues_are_told_by_state_and_age(house: House) -> None:
    file = seen("a.png")
    record_arrivals(house.store, key_of(file), SECRET, SECRET, [file])
    with house.store.write() as connection:
        media_table.add(connection, [media("a"), media("b")], house.clock())
        enter(connection, house, f"copy/{SECRET}", Work.BLOCKED, Reason.BLOCKED_BY_OLLAMA)
        house.clock.turn(100)
        enter(connection, house, f"analysis/{SECRET}", Work.QUEUED, None)
        enter(connection, house, f"{SECRET}/odd", Work.DONE, None)
        enter(connection, house, exports.AWAY, Work.DEAD, Reason.IO_ERROR)
    house.clock.turn(50)
    found = house.values()
    assert value(found, "items", axis="arrival", state="seen") == 1
    assert value(found, "items", axis="cleaning", state="waiting") == 2
    assert value(found, "items", axis="verification", state="none") == 2
    assert value(found, "items", axis="work", state="blocked") == 1
    assert value(found, "tasks", kind="copy", state="blocked") == 1
    assert value(found, "tasks", kind="other", state="done") == 1
    assert value(found, "tasks", kind="release", state="dead") == 1
    oldest = {"queue": "copy", "state": "blocked"}
    assert value(found, "queue_oldest_seconds", **oldest) == pytest.approx(150, abs=0.1)
    oldest = {"queue": "analysis", "state": "waiting"}
    assert value(found, "queue_oldest_seconds", **oldest) == pytest.approx(50, abs=0.1)
    oldest = {"queue": "cleaning", "state": "waiting"}
    assert value(found, "queue_oldest_seconds", **oldest) == pytest.approx(150, abs=0.1)
    assert value(found, "queue_oldest_seconds", queue="requests", state="waiting") == 0
    assert SECRET not in house.fresh()


def enter(
    connection: Connection, house: House, task: str, state: Work, reason: Reason | None
) -> None:
    now = house.clock()
    one = Task(media("a").media, task, now, now, state=state, reason=reason)
    work.save(connection, [one], now)


def test_recordings_are_told_by_their_keys_alone(house: House) -> None:
    key = "20260504_AAAAAAAAAA"
    with house.store.write() as connection:
        recordings.save(connection, [session(house, "A")], house.clock())
        segments.add_gap(connection, gap(house, "A", 4.5))
        segments.add_gap(connection, gap(house, "A", None))  # unknown: as long as it lasted
    house.clock.turn(30)
    found = house.values()
    assert value(found, "recording_lag_seconds", intake=key) == pytest.approx(30, abs=0.1)
    assert value(found, "recording_heartbeat_age_seconds", intake=key) == pytest.approx(30, abs=0.1)
    assert value(found, "recording_patience_seconds", intake=key) == 20
    assert value(found, "recording_missing_seconds", intake=key) == 10.5
    assert value(found, "recording_gaps_total", reason="SEGMENT_STUCK") == 2
    assert value(found, "recording_gap_seconds_total", reason="SEGMENT_STUCK") == 10.5
    with house.store.write() as connection:
        over = session(house, "A", state=Recording.RECORDED)
        recordings.save(connection, [over], house.clock())
    after = house.values()
    assert ("supervisor_recording_lag_seconds", frozenset({("intake", key)})) not in after
    assert value(after, "recording_gap_seconds_total", reason="SEGMENT_STUCK") == 10.5
    assert SECRET not in house.fresh()


def test_canary_breaker_parts_messages_and_figures_are_told(house: House) -> None:
    lived(house)
    with house.store.write() as connection:
        alerts.queue(connection, "m", "{}", ["webhook", "mail"], house.clock())
        connection.execute("UPDATE alert_delivery SET reason = 'TIMEOUT' WHERE channel = 'mail'")
    house.clock.turn(40)
    found = house.values()
    assert value(found, "canary_age_seconds") == pytest.approx(40, abs=0.1)
    assert value(found, "canary_health", health="degraded") == 1
    assert value(found, "canary_health", health="healthy") == 0
    assert value(found, "canary_duration_seconds") == 9.5
    assert value(found, "model_breaker", model="llava", phase="open") == 1
    assert value(found, "model_breaker", model="llava", phase="closed") == 0
    assert value(found, "part_running", part="daemon") == 1
    assert value(found, "part_running", part="watchman") == 0
    assert value(found, "part_ends_total", part="daemon") == 2
    assert value(found, "part_heartbeat_age_seconds", part="daemon") == 1.5
    assert value(found, "notifications_unsent", state="waiting") == 1
    assert value(found, "notification_oldest_seconds") == pytest.approx(40, abs=0.1)
    assert value(found, "disk_free_bytes") > 0
    for figure in FIGURES:
        assert value(found, "figure_cases", figure=figure.name) >= 0
    assert value(found, "figure_cases", figure="timeout_rate") == 1
    assert SECRET not in house.fresh()


def test_the_number_of_series_is_bounded(house: House) -> None:
    now = house.clock()
    with house.store.write() as connection:
        many = [session(house, str(number)) for number in range(2 * MOST_SESSIONS)]
        recordings.save(connection, many, now)
        for number in range(2 * MOST_MODELS):
            breakers._save(connection, "http://x:1", f"m{number}", Circuit(failures=1), now)
        for number in range(20):
            enter(connection, house, f"{number}/{number}", Work.QUEUED, None)
    failed = {"outcome": Outcome.FAILED, "seconds": 1.0}
    house.enter([house.a_try(Step.ENRICH, reason=reason, **failed) for reason in Reason])
    found = house.values()
    assert value(found, "recording_sessions_left_out") == MOST_SESSIONS
    assert len({labels for name, labels in found if name.endswith("lag_seconds")}) == MOST_SESSIONS
    assert len(found) < 1500


def test_without_a_copy_the_page_has_the_rest(house: House) -> None:
    assert not house.page.refresh()
    found = values_of(house.fresh())
    assert value(found, "store_copy_readable") == 0
    assert value(found, "part_running", part="daemon") == 1
    assert not any(name == "supervisor_items" for name, _ in found)
    house.values()
    house.copy.place.path.write_bytes(b"not a database")
    assert not house.page.refresh()
    found = values_of(house.fresh())
    assert value(found, "store_copy_readable") == 0
    assert value(found, "items", axis="cleaning", state="waiting") == 0  # as it was counted last


def test_nobody_who_asks_waits_for_the_store(house: House) -> None:
    house.copy.publish()
    with (house.store.home.store / "main.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert house.page.refresh()
        assert value(values_of(house.fresh()), "store_copy_readable") == 1


def test_why_no_copy_comes_is_told_with_its_age(house: House, tmp_path: Path) -> None:
    house.values()
    full = Publishing(house.store.home, settings_for(tmp_path, reserve_bytes=1 << 60))
    assert full.publish() is None
    page = MetricsPage(house.store.home, settings_for(tmp_path), copying=full)
    found = values_of(page.text().decode())
    assert value(found, "store_copy_failures_total", reason="DISK_FULL") == 1
    assert value(found, "store_copy_age_seconds") >= 0
    assert value(found, "store_copies_total") == 0


def test_the_windows_of_figures_move_while_nothing_changes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.tried(Step.MASK, level="frame_level", seconds=1.0)
    assert value(house.values(), "figure_cases", figure="timeout_rate") == 1
    house.clock.turn(2 * 86400)
    assert house.page.refresh()
    assert value(values_of(house.fresh()), "figure_cases", figure="timeout_rate") == 1
    monkeypatch.setattr(page_module, "_STANDS_S", -1.0)
    assert house.page.refresh()
    assert value(values_of(house.fresh()), "figure_cases", figure="timeout_rate") == 0


def test_prometheus_gets_its_format_beside_the_health_page(house: House) -> None:
    lived(house)
    port, settings = free_port(), settings_for(house.store.home.root.parent)
    with (
        counted(house.page),
        health.served(house.store.home, settings, "127.0.0.1", port, metrics=house.page.text),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer,
    ):
        assert answer.headers["Content-Type"] == CONTENT_TYPE
        assert values_of(answer.read().decode())


def test_a_part_that_ended_is_counted_for_ever(tmp_path: Path) -> None:
    recipe = Recipe("broken", "no_such_module", [], {}, tmp_path)
    keeper = Keeper([recipe], lambda _: None)
    assert keeper.states() == {"broken": PartState(False, 0, None)}
    until_s = time.monotonic() + 60
    while keeper.parts[0].look() is None and time.monotonic() < until_s:
        time.sleep(0.01)
    keeper.parts[0].restarts.runs(1e9)  # as if it had run well since
    assert keeper.states() == {"broken": PartState(False, 1, None)}


def running_parts(values: Values) -> dict[str, float]:
    """By the name of each part of `up`, whether it runs."""
    name = "supervisor_part_running"
    return {dict(labels)["part"]: v for (one, labels), v in values.items() if one == name}


@pytest.mark.campaign
@pytest.mark.timeout(400)
def test_up_tells_of_its_parts_and_of_its_copy(tmp_path: Path) -> None:
    names = ("watchman", "code_server", "daemon", "gallery", "webserver")
    parts = dict.fromkeys(names, 1.0)
    with up(tmp_path) as running:
        address = f"http://127.0.0.1:{running.port + 1}/metrics"
        until_s = time.monotonic() + 120
        while time.monotonic() < until_s:
            with urllib.request.urlopen(address, timeout=10) as answer:
                found = values_of(answer.read().decode())
            if value(found, "store_copy_readable") and running_parts(found) == parts:
                break
            time.sleep(0.5)
        assert running_parts(found) == parts
        assert value(found, "store_copy_age_seconds") < 5
        assert value(found, "items", axis="cleaning", state="waiting") >= 0
