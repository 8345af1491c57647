"""Parts that end, hang or never begin are started again, ever less often, and it is told."""

import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from dagster._core.errors import DagsterCodeLocationLoadError, DagsterUserCodeUnreachableError

from supervisor_assets.cli.up import _sockets
from supervisor_assets.instance import open_instance
from supervisor_assets.running.keeper import Keeper
from supervisor_assets.running.launcher import Launcher
from supervisor_assets.running.part import Part, Recipe, State
from supervisor_assets.running.quiet import is_news
from supervisor_assets.running.restarts import LONGEST_S, MANY, WELL_S, Restarts
from supervisor_assets.running.watchman import MARK, end_all, others
from supervisor_core.home import Home
from supervisor_core.processes import kill_until_none
from supervisor_core.reasons import Failed, Reason

LIMIT_S = 20.0
BEGIN = "import sys, time, signal, os\nfrom supervisor_assets.running.beats import *\n"
READY = BEGIN + "beats, rest = begin()\nbeats.send(Beat.READY)\n"


def test_it_waits_twice_as_long_each_time_up_to_a_minute() -> None:
    restarts = Restarts()
    assert [restarts.ended(0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, LONGEST_S, LONGEST_S]
    assert Restarts(deaths=10_000).ended(0) == LONGEST_S


def test_it_keeps_ending_until_it_has_run_well_for_a_while() -> None:
    restarts = Restarts()
    for _ in range(MANY):
        assert not restarts.keeps_ending
        restarts.ended(WELL_S - 1)
    assert restarts.keeps_ending
    restarts.runs(WELL_S - 1)
    assert restarts.keeps_ending
    restarts.runs(WELL_S)
    assert not restarts.keeps_ending
    assert restarts.ended(WELL_S) == 1


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Callable[..., Part]]:
    made: list[Part] = []

    def make(code: str, **options: object) -> Part:
        (tmp_path / "tiny.py").write_text(code)
        recipe = Recipe("tiny", "tiny", ["said"], dict(os.environ), tmp_path, **options)  # type: ignore[arg-type]
        made.append(Part(recipe))
        return made[-1]

    yield make
    for one in made:
        if one.pid:
            os.kill(one.pid, signal.SIGKILL)
            one._process.wait()  # type: ignore[union-attr]


def look_until(part: Part, found: Callable[[Failed | None], object]) -> Failed | None:
    end_s = time.monotonic() + LIMIT_S
    while time.monotonic() < end_s:
        told = part.look()
        if found(told):
            return told
        time.sleep(0.01)
    raise AssertionError(part)


def test_a_part_is_ready_when_it_says_so(part: Callable[..., Part], tmp_path: Path) -> None:
    one = part(READY + "open('rest', 'w').write(*rest)\ntime.sleep(60)")
    assert one.state is State.WAITING
    one.look()
    assert one.state is State.STARTING
    look_until(one, lambda _: one.state is State.RUNNING)
    look_until(one, lambda _: (tmp_path / "rest").exists())


@pytest.mark.parametrize("nice", [0, 10])
def test_a_part_and_what_it_starts_give_way(
    part: Callable[..., Part], tmp_path: Path, nice: int
) -> None:
    child = "import os; open('nice', 'w').write(str(os.nice(0)))"
    begun = f'import subprocess\ntime.sleep(0.2)\nsubprocess.run([sys.executable, "-c", "{child}"])'
    one = part(READY + begun + "\ntime.sleep(60)", nice=nice)
    look_until(one, lambda _: (tmp_path / "nice").exists() and (tmp_path / "nice").read_text())
    assert int((tmp_path / "nice").read_text()) == min(19, os.nice(0) + nice)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        (READY, "exit code 0"),
        (READY + "os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
    ],
)
def test_a_part_that_ends_is_told_and_started_again(
    part: Callable[..., Part], code: str, told: str
) -> None:
    one = part(code)
    failed = look_until(one, lambda found: found)
    assert failed
    assert failed.reason is Reason.PART_ENDED
    assert failed.facts == {"part": "tiny", "how": told, "wait_s": 1.0}
    assert (one.state, one.ended, one.pid) == (State.WAITING, told, None)


def test_a_part_that_ended_is_started_again(part: Callable[..., Part]) -> None:
    one = part(READY)
    look_until(one, lambda found: found)
    ended_s = time.monotonic()
    look_until(one, lambda _: one.pid)
    assert time.monotonic() - ended_s >= 0.9


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        (READY + "os.kill(os.getpid(), signal.SIGSTOP)", {"silence_s": 0.3}),
        (READY + "time.sleep(60)", {"silence_s": 0.3}),
        ("import time; time.sleep(60)", {"start_s": 0.3}),
    ],
)
def test_a_part_that_says_nothing_is_ended(
    part: Callable[..., Part], code: str, limits: dict[str, float]
) -> None:
    one = part(code, **limits)
    one.look()
    pid = one.pid
    failed = look_until(one, lambda found: found)
    assert failed
    assert failed.facts["how"] == "silence"
    assert not psutil.pid_exists(pid or 0)


def test_a_part_that_beats_is_left_alone(part: Callable[..., Part]) -> None:
    one = part(READY + "while True: time.sleep(0.05); beats.send(Beat.READY)", silence_s=0.5)
    look_until(one, lambda _: one.state is State.RUNNING)
    until_s = time.monotonic() + 1.0
    assert look_until(one, lambda told: told or time.monotonic() > until_s) is None


def test_a_part_that_can_not_be_started_is_tried_again(tmp_path: Path) -> None:
    one = Part(Recipe("tiny", "tiny", [], {}, tmp_path / "away"))
    failed = one.look()
    assert failed
    assert failed.facts["how"] == "errno 2"
    assert one.state is State.WAITING


def test_runs_wait_for_a_code_server_that_is_being_started_again(tmp_path: Path) -> None:
    with open_instance(Home.create(tmp_path)) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert isinstance(instance.run_launcher, Launcher)
    assert queue
    waits_s = queue.max_user_code_failure_retries * queue.user_code_failure_retry_delay
    assert waits_s >= 30


@pytest.mark.parametrize("name", ["h", "h" * 100])
def test_the_code_server_has_a_socket_that_only_its_owner_reaches(name: str) -> None:
    with tempfile.TemporaryDirectory() as short:  # pytest's own folders may be too long already
        home = Home.create(Path(short) / name)
        with _sockets(home) as folder, socket.socket(socket.AF_UNIX) as server:
            server.bind(str(folder / "code"))  # a path of any length would not do
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert (folder.parent == home.dagster) == (name == "h")
            (told,) = json.loads((folder / "workspace.yaml").read_text())["load_from"]
            assert told["grpc_server"]["socket"] == str(folder / "code")
        assert folder.exists() == (name == "h")


def test_that_nobody_answers_is_not_logged_for_every_sensor() -> None:
    def logged(error: BaseException | None, words: str = "a") -> logging.LogRecord:
        facts = (type(error), error, None) if error else None
        return logging.LogRecord("x", logging.ERROR, "x", 1, words, (), facts)

    away = DagsterUserCodeUnreachableError("away")
    by_that = ValueError("b")
    by_that.__cause__ = away
    assert not is_news(logged(away))
    assert not is_news(logged(by_that))
    assert not is_news(logged(None, "caught DagsterUserCodeUnreachableError: away"))
    told = DagsterCodeLocationLoadError(f"Failure loading it: {away!r}", load_error_infos=[])
    assert not is_news(logged(told))
    assert is_news(logged(None))
    assert is_news(logged(ValueError("b")))


def test_who_keeps_ending_is_said_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit(1)")
    recipe = Recipe("broken", "broken", [], dict(os.environ), tmp_path)
    keeper = Keeper([recipe], lambda _: None)
    assert keeper.works
    keeper.parts[0].restarts.deaths = MANY
    assert not keeper.works
    assert keeper.told == {"broken": {"state": "waiting", "ended": MANY, "last_end": None}}


KEEPER = """
import os, sys
from pathlib import Path
from supervisor_assets.running.keeper import Keeper
from supervisor_assets.running.part import Recipe
from supervisor_assets.cli.edge import _interrupt
import signal
signal.signal(signal.SIGTERM, _interrupt)
recipes = [Recipe(n, n, [], dict(os.environ), Path.cwd()) for n in sys.argv[1:]]
Keeper(recipes, lambda ended: print(ended, flush=True), first_to_stop=["first"]).run()
"""
TELLS = "open('order', 'a').write(__spec__.name + ' ')\n"
POLITE = (
    READY
    + "import threading\nstop = threading.Event()\n"
    + "signal.signal(signal.SIGTERM, lambda *_: stop.set())\nopen(__spec__.name + '.up', 'w')\n"
    + "stop.wait()\n"
    + TELLS
)


def test_whoever_starts_work_is_stopped_before_the_work_is(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(POLITE)
    keeper = subprocess.Popen([sys.executable, "-c", KEEPER, "second", "first"], cwd=tmp_path)
    wait_for(lambda: all((tmp_path / f"{name}.up").exists() for name in ("first", "second")))
    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait(LIMIT_S) == 0
    assert (tmp_path / "order").read_text().split() == ["first", "second"]


def wait_for(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_what_is_marked_is_ended_whoever_its_parent_is() -> None:
    mark = f"test.{os.getpid()}"
    code = (
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if not os.fork(): os.setsid()\nprint(flush=True)\ntime.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {MARK: mark}, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline()
    wait_for(lambda: len(others(mark)) == 2)
    end_all(mark, stop_s=0.2)
    assert others(mark) == {}
    assert process.wait(LIMIT_S) == -signal.SIGKILL
    process.stdout.close()
    assert kill_until_none(lambda: others(mark), 0)
