"""A whole `up` as a user starts it, and what the tests look at from outside."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from command import COMMAND, environment

READY_S = 120
STOP_S = 60


@dataclass(frozen=True)
class Running:
    """One `up`, with everything that it printed in a file."""

    home: Path
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def part(self, name: str) -> psutil.Process | None:
        """The process of a part, while it has one."""
        wanted = f"supervisor_assets.running.{name}"
        for one in psutil.Process(self.process.pid).children():
            if works(one) and wanted in one.cmdline():
                return one
        return None

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def told(self) -> list[str]:
        return self.log.read_text("utf-8").splitlines()


@contextmanager
def up(root: Path, *arguments: object, wait: bool = True, **settings: str) -> Iterator[Running]:
    """Runs `up` in a folder until the block ends; then it is killed if it still runs."""
    port = free_port()
    with (root / "log").open("w") as log:
        process = subprocess.Popen(
            [COMMAND, "up", "--port", str(port), *map(str, arguments)],
            cwd=root,
            env=environment(Path("home"), settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    running = Running(root / "home", port, process, root / "log")
    try:
        if wait:
            assert until(lambda: answers(port) or process.poll() is not None, READY_S)
            assert process.poll() is None, running.log.read_text()
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port that is free, as the one above it is."""
    while True:
        with socket.socket() as door, socket.socket() as next_door:
            door.bind(("127.0.0.1", 0))
            port = int(door.getsockname()[1])
            try:
                next_door.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def answers(port: int) -> bool:
    """Whether the webserver answers, be it that it asks for a token."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2) as page:
            return page.status == 200
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False


def until(condition: Callable[[], object], limit_s: float) -> bool:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def works(process: psutil.Process) -> bool:
    """Whether a process runs still; one that only waits to be reaped by init does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(process: psutil.Process | None) -> int:
    """Kills a part as the kernel does when memory is short; returns its process id."""
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    return process.pid
