"""`up` and what it means for `ingest`: one daemon a home, only on this machine, gone in the end."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from command import run, start

from supervisor_assets.cli.installation import daemon_runs
from supervisor_assets.instance import open_instance
from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.store import Store

READY_S = 120
STOP_S = 60


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2) as page:
            return page.status == 200
    except OSError:
        return False


def children(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def until(condition: object, limit_s: float) -> bool:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.1)
    return False


@dataclass(frozen=True)
class Running:
    home: Path
    port: int
    process: "subprocess.Popen[str]"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A daemon and webserver, started in a folder that holds packages named as ours are."""
    root = tmp_path_factory.mktemp("up")
    for name in ("resources", "sensors"):
        (root / name).mkdir()
        (root / name / "__init__.py").write_text("raise ImportError('not this one')\n")
    port = free_port()
    log = (root / "log").open("w")
    process = subprocess.Popen(
        start_command(port), cwd=root, env=start_environment(root), stdout=log, stderr=log
    )
    assert until(lambda: answers(port) or process.poll() is not None, READY_S)
    assert process.poll() is None, (root / "log").read_text()
    yield Running(root / "home", port, process)
    process.kill()
    process.wait()
    log.close()


def start_command(port: int) -> list[str]:
    from command import COMMAND

    return [COMMAND, "up", "--port", str(port)]


def start_environment(root: Path) -> dict[str, str]:
    from command import environment

    return environment(Path("home"), {"SUPERVISOR_PROFILES_FOLDER": "mine"})


def daemon_is_there(running: Running) -> bool:
    """What `doctor` says, which takes two seconds of the processor's time each time."""
    found = run("doctor", "--json", home=running.home).json
    return any(one["name"] == "daemon" and one["said"] == "running" for one in found)


def daemon_beats(running: Running) -> bool:
    with open_instance(Home(running.home)) as instance:
        return daemon_runs(instance)


def all_verified(running: Running) -> bool:
    with Store(Home(running.home), Settings(home=running.home)).read() as connection:
        found = connection.execute("SELECT verification FROM media").fetchall()
    return found == [("verified",)]


def test_it_listens_on_this_machine_only(running: Running) -> None:
    listening = {
        connection.laddr.ip
        for process in children(running.process)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == running.port
    }
    assert listening == {"127.0.0.1"}


def test_a_second_one_on_the_same_home_is_busy(running: Running) -> None:
    ran = run("up", "--port", free_port(), home=running.home)
    assert (ran.code, ran.err.split(":")[0]) == (6, "ALREADY_RUNNING")


def test_a_port_that_is_taken_is_busy(running: Running, tmp_path: Path) -> None:
    ran = run("up", "--port", running.port, home=tmp_path / "home")
    assert (ran.code, ran.err.split(":")[0]) == (6, "PORT_IN_USE")


def test_ingest_leaves_the_work_to_the_daemon(running: Running, tmp_path: Path) -> None:
    assert until(lambda: daemon_beats(running), READY_S)
    assert daemon_is_there(running)
    pixels = np.full((64, 96, 3), 70, np.uint8)
    cv2.imwrite(str(tmp_path / "one.png"), pixels)
    ran = run("ingest", tmp_path / "one.png", "--json", home=running.home)
    assert ran.code == 0, ran.err
    [intake] = ran.json["queued"]
    assert until(lambda: all_verified(running), READY_S)
    assert run("status", intake, home=running.home).code == 0


def test_ingest_waits_when_it_is_told_to(running: Running, tmp_path: Path) -> None:
    pixels = np.full((64, 96, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "two.png"), pixels)
    ran = run("ingest", tmp_path / "two.png", "--wait", "--json", home=running.home)
    assert ran.code == 0, ran.err
    assert [one["verified"] for one in ran.json["files"]] == [True]


def works(process: psutil.Process) -> bool:
    """Whether a process runs still; one that only waits to be reaped by init does not."""
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def test_it_stops_with_everything_it_started(running: Running) -> None:
    """The last test of these but one: it ends what the others use."""
    family = children(running.process)
    assert len(family) >= 3
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(STOP_S) == 0
    assert [process for process in family if works(process)] == []
    assert not answers(running.port)
    assert not daemon_is_there(running)


def test_it_says_where_it_and_its_health_are_and_nothing_else(running: Running) -> None:
    """Reads what all those before have made it print."""
    said = (running.home.parent / "log").read_text()
    assert said.splitlines() == [
        f"Supervisor: http://127.0.0.1:{running.port}  (stop with Ctrl-C)",
        f"Health: http://127.0.0.1:{running.port + 1}/health",
        f"Drop files into {running.home / 'inbox'}",
    ]
    assert (running.home / "restricted.key").read_text().strip() not in said


def test_when_it_is_killed_dagster_stops_too_and_verbose_shows_all(tmp_path: Path) -> None:
    port = free_port()
    with start("up", "--verbose", "--port", port, home=tmp_path / "home") as process:
        assert until(lambda: answers(port), READY_S)
        family = children(process)
        os.kill(process.pid, signal.SIGKILL)
        assert until(lambda: not any(one.is_running() for one in family), STOP_S)
        assert "INFO" in process.stdout.read()
