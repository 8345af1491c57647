"""The circuit breaker: its decisions by themselves, then shared by real processes in one store."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_builders import Clock

from supervisor_core.home import Home
from supervisor_core.model.breaker import (
    COUNTING,
    DONE,
    Answered,
    Broke,
    Circuit,
    Event,
    Lost,
    Phase,
    Rules,
    Wanted,
    event_of,
    step,
)
from supervisor_core.model.guard import Guard, rules_of
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store, breakers, database

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
RULES = Rules(failures=3, open_s=30, trial_s=100)
DOWN = Reason.OLLAMA_DOWN
URL, MODEL = "http://127.0.0.1:11434", "m:1b"


def after(*events: Event, circuit: Circuit | None = None, seconds: float = 0) -> Circuit:
    circuit = circuit or Circuit()
    for event in events:
        circuit = step(circuit, event, NOON + timedelta(seconds=seconds), RULES)
    return circuit


def opened() -> Circuit:
    return after(*[Broke("a", DOWN)] * 3)


def test_failures_in_a_row_open_it_and_a_success_between_does_not() -> None:
    assert after(*[Broke("a", DOWN)] * 2).lets("b")
    assert after(*[Broke("a", DOWN)] * 2, Answered("a"), Broke("a", DOWN)).failures == 1
    assert opened().phase is Phase.OPEN
    assert not opened().lets("a")


def test_while_it_is_open_nobody_asks_and_then_one_does() -> None:
    early = after(Wanted("b"), circuit=opened(), seconds=29)
    assert early == opened()
    trial = after(Wanted("b"), Wanted("c"), circuit=opened(), seconds=30)
    assert trial.phase is Phase.HALF_OPEN
    assert (trial.lets("b"), trial.lets("c")) == (True, False)


def test_the_trial_decides() -> None:
    trial = after(Wanted("b"), circuit=opened(), seconds=30)
    assert after(Answered("b"), circuit=trial, seconds=31) == Circuit()
    again = after(Broke("b", Reason.TIMEOUT), circuit=trial, seconds=31)
    assert (again.phase, again.until) == (Phase.OPEN, NOON + timedelta(seconds=61))


def test_what_comes_back_late_changes_nothing() -> None:
    trial = after(Wanted("b"), circuit=opened(), seconds=30)
    for state in (opened(), trial):
        for event in (Answered("a"), Broke("a", DOWN), Lost("a")):
            assert after(event, circuit=state, seconds=31) == state


def test_a_trial_that_never_comes_back_is_followed_by_another() -> None:
    trial = after(Wanted("b"), circuit=opened(), seconds=30)
    assert not after(Wanted("c"), circuit=trial, seconds=129).lets("c")
    second = after(Wanted("c"), circuit=trial, seconds=130)
    assert second.lets("c")
    assert after(Answered("b"), circuit=second, seconds=131) == second


def test_a_lost_trial_lets_the_next_one_try_at_once() -> None:
    trial = after(Wanted("b"), circuit=opened(), seconds=30)
    assert after(Lost("b"), Wanted("c"), circuit=trial, seconds=31).lets("c")


def test_only_what_says_something_of_the_server_counts() -> None:
    assert not COUNTING & DONE
    assert isinstance(event_of("a", None), Answered)
    assert isinstance(event_of("a", Reason.SCHEMA_MISMATCH), Answered)
    assert event_of("a", Reason.TIMEOUT) == Broke("a", Reason.TIMEOUT)
    for reason in (Reason.CANCELLED, Reason.DECODE_FAILED, Reason.WORKER_CRASHED, Reason.DISK_FULL):
        assert isinstance(event_of("a", reason), Lost)


events = st.builds(
    lambda kind, who: kind(who), st.sampled_from([Wanted, Answered, Lost]), st.sampled_from("abc")
) | st.builds(Broke, st.sampled_from("abc"), st.sampled_from(sorted(COUNTING)))


@given(st.lists(st.tuples(events, st.integers(0, 60)), max_size=60))
def test_it_never_stays_shut_and_never_lets_two_try(happened: list[tuple[Event, int]]) -> None:
    circuit, now = Circuit(), NOON
    for event, seconds in happened:
        now += timedelta(seconds=seconds)
        circuit = step(circuit, event, now, RULES)
        letting = [who for who in "abc" if circuit.lets(who)]
        assert len(letting) == {Phase.CLOSED: 3, Phase.OPEN: 0, Phase.HALF_OPEN: 1}[circuit.phase]
    later = now + timedelta(seconds=RULES.open_s + RULES.trial_s)
    assert step(circuit, Wanted("d"), later, RULES).lets("d")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    return Store(Home.create(tmp_path), Settings(home=tmp_path), clock)


def ask(guard: Guard, reason: Reason | None = None) -> None:
    with guard.asking():
        if reason:
            raise Failed(reason)


def refused(guard: Guard, reason: Reason | None = None) -> Reason:
    with pytest.raises(Failed) as caught:
        ask(guard, reason)
    return caught.value.reason


def test_the_store_keeps_the_state_of_each_model_apart(store: Store, clock: Clock) -> None:
    guard, other = (Guard(store, URL, model, RULES) for model in (MODEL, "other"))
    for _ in range(3):
        assert refused(guard, DOWN) is DOWN
    assert refused(guard) is Reason.BLOCKED_BY_OLLAMA
    ask(other)
    with store.read() as connection:
        ((key, circuit),) = breakers.load_all(connection).items()
    assert key == (URL, MODEL)
    assert (circuit.phase, circuit.reason) == (Phase.OPEN, DOWN)
    clock.turn(31)
    ask(guard)
    ask(guard)
    assert guard.circuit() == Circuit()


def test_an_address_with_a_path_is_kept_without_it(store: Store) -> None:
    refused(Guard(store, f"{URL}/behind/a/proxy", MODEL, RULES), DOWN)
    assert Guard(store, URL, MODEL, RULES).circuit().failures == 1


def test_a_crash_in_our_own_code_gives_the_trial_back(store: Store, clock: Clock) -> None:
    guard = Guard(store, URL, MODEL, RULES)
    for _ in range(3):
        refused(guard, DOWN)
    clock.turn(31)
    with pytest.raises(ZeroDivisionError), guard.asking():
        raise ZeroDivisionError
    ask(guard)
    assert guard.circuit().phase is Phase.CLOSED


def test_an_answer_counts_although_the_store_is_busy(store: Store) -> None:
    guard = Guard(store, URL, MODEL, RULES)
    for _ in range(2):
        refused(guard, DOWN)
    answers = []
    with guard.asking():
        answers.append("paid for")
        guard._store = store_in_use(store)
    assert answers == ["paid for"]
    guard._store = store
    assert guard.circuit().failures == 2


def store_in_use(store: Store) -> Store:
    """The same store with its file gone: any transaction fails."""
    broken = Store(store.home, Settings(home=store.home.root, store_wait_s=0.01))
    broken._main = replace(broken._main, path=store.home.store / "nowhere.duckdb")
    return broken


def test_a_store_from_before_gets_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, settings = Home.create(tmp_path), Settings(home=tmp_path)
    with monkeypatch.context() as before:
        first = {1: database._migrations("main")[1]}
        before.setattr(database, "_migrations", lambda name: first)
        Store(home, settings)
    guard = Guard(Store(home, settings), URL, MODEL, RULES)
    assert refused(guard, DOWN) is DOWN
    assert guard.circuit().failures == 1


def test_nothing_is_written_while_all_goes_well(store: Store) -> None:
    guard = Guard(store, URL, MODEL, RULES)
    for _ in range(3):
        ask(guard)
    with store.read() as connection:
        assert breakers.load_all(connection) == {}


def test_the_settings_decide() -> None:
    settings = Settings(breaker_failures=2, breaker_open_s=9, model_total_s=100)
    rules = rules_of(settings)
    assert (rules.failures, rules.open_s) == (2, 9)
    assert rules.trial_s > settings.model_total_s


PROGRAM = """
import sys, time
from pathlib import Path
from supervisor_core.model.breaker import Rules
from supervisor_core.model.guard import Guard
from supervisor_core.reasons import Failed, Reason
from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.store import Store

home = Path(sys.argv[1])
store = Store(Home.create(home), Settings(home=home))
guard = Guard(store, "{url}", "{model}", Rules(failures=3, open_s=0.05, trial_s=600))
{body}
"""

FAILING = """
for _ in range(2):
    try:
        with guard.asking():
            raise Failed(Reason.OLLAMA_DOWN)
    except Failed as failed:
        pass
"""

# Says that it is in, and stays there until it is told how it went.
TRYING = """
try:
    with guard.asking():
        print("in", flush=True)
        sys.stdin.readline()
    print("done", flush=True)
except Failed as failed:
    print(failed.reason.value, flush=True)
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    running: list[subprocess.Popen[str]] = []

    def run(body: str) -> "subprocess.Popen[str]":
        program = PROGRAM.format(url=URL, model=MODEL, body=body)
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def open_now(store: Store) -> None:
    """As after failures whose time is over."""
    rules = replace(RULES, open_s=0)
    guard = Guard(store, URL, MODEL, rules)
    for _ in range(3):
        refused(guard, DOWN)


@pytest.fixture
def real(tmp_path: Path) -> Store:
    return Store(Home.create(tmp_path), Settings(home=tmp_path))


def test_failures_of_several_processes_count_together(real: Store, start: Start) -> None:
    for process in [start(FAILING), start(FAILING)]:
        process.communicate()
    circuit = Guard(real, URL, MODEL, RULES).circuit()
    assert circuit.failures >= 3
    assert circuit.phase is Phase.OPEN


@pytest.mark.campaign
def test_of_several_processes_one_tries(real: Store, start: Start) -> None:
    open_now(real)
    processes = [start(TRYING) for _ in range(4)]
    said = [process.stdout.readline().strip() for process in processes]
    assert sorted(said) == ["BLOCKED_BY_OLLAMA"] * 3 + ["in"]
    trying = processes[said.index("in")]
    assert trying.communicate("\n")[0].strip() == "done"
    assert Guard(real, URL, MODEL, RULES).circuit() == Circuit()


def test_a_killed_trial_does_not_block_for_ever(real: Store, start: Start) -> None:
    open_now(real)
    trying = start(TRYING)
    assert trying.stdout.readline().strip() == "in"
    assert refused(Guard(real, URL, MODEL, RULES)) is Reason.BLOCKED_BY_OLLAMA
    trying.kill()
    trying.wait()
    ask(Guard(real, URL, MODEL, RULES))
    assert Guard(real, URL, MODEL, RULES).circuit() == Circuit()
