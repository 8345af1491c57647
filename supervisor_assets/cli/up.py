"""`up`: Dagster's daemon and webserver on this home, until somebody says stop.

A plain wrapper of `dagster dev`. The webserver has no login, so it listens on 127.0.0.1 alone. When
this command ends, however it ends, nothing that it started lives on. What Dagster logs is shown
from warnings on: a line each second would hide the one that counts.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import typer

from supervisor_assets.cli import health, say
from supervisor_assets.cli.codes import Code
from supervisor_assets.instance import RUN_LOG_LEVEL, open_instance, prepare_dagster_home
from supervisor_core.home import Home
from supervisor_core.processes import adopt_orphans, descendants, kill_until_none, send_signal
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store.lock import hold_file

HOST = "127.0.0.1"
_STOP_S = 30.0
_RUNS_STOP_S = 20.0
_KILL_S = 5.0
_PR_SET_PDEATHSIG = 1
_QUIET = {RUN_LOG_LEVEL: "WARNING"}


def run(port: int, *, verbose: bool = False) -> None:
    """Runs until it is interrupted, or until Dagster ends by itself, which is a failure."""
    home = Settings.load().open_home()
    with hold_file(home.dagster / "up.lock") as ours:
        if not ours:
            raise Failed(Reason.ALREADY_RUNNING)
        _require_free(port)
        prepare_dagster_home(home)
        adopt_orphans()
        beside = health.served(home, Settings.load(), HOST, port + 1)
        with beside, _start(home, port, verbose=verbose) as process:
            say.note(f"Supervisor: http://{HOST}:{port}  (stop with Ctrl-C)")
            say.note(f"Health: http://{HOST}:{port + 1}/health")
            say.note(f"Drop files into {say.shown(home.inbox)}")
            code = _wait(process)
        with open_instance(home) as instance:
            instance.wipe_daemon_heartbeats()
    if code is not None:
        raise typer.Exit(Code.FAILED)


def _wait(process: "subprocess.Popen[bytes]") -> int | None:
    """Waits for the end; returns Dagster's own exit code unless it was asked to stop."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        return None
    finally:
        # A second Ctrl-C does not cut this short: what is half stopped would live on.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Lets Dagster stop by itself, then ends the runs that are left, then everything."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
    send_signal(descendants(os.getpid()), signal.SIGTERM)
    _wait_for_none(_RUNS_STOP_S)
    kill_until_none(lambda: descendants(os.getpid()), _KILL_S)


def _wait_for_none(limit_s: float) -> None:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not any(process.alive for process in descendants(os.getpid()).values()):
            return
        time.sleep(0.05)


def _require_free(port: int) -> None:
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((HOST, port))
        except OSError:
            raise Failed(Reason.PORT_IN_USE, port=port) from None


def _start(home: Home, port: int, *, verbose: bool) -> "subprocess.Popen[bytes]":
    arguments = ["-m", "supervisor_assets.definitions", "--host", HOST, "--port", str(port)]
    arguments += [] if verbose else ["--log-level", "warning"]
    return subprocess.Popen(
        [sys.executable, "-m", "dagster", "dev", *arguments],
        # Python looks for modules in the folder it starts in: here are none.
        cwd=home.dagster,
        env=os.environ | _environment(home) | ({} if verbose else _QUIET),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )


def _environment(home: Home) -> dict[str, str]:
    """Settings that name files, made absolute: Dagster's processes run in another folder."""
    settings = Settings.load()
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    paths = {name: value for name, value in values.items() if isinstance(value, Path)}
    named = {f"SUPERVISOR_{name.upper()}": str(path.absolute()) for name, path in paths.items()}
    return named | {
        "SUPERVISOR_HOME": str(home.root),
        "DAGSTER_HOME": str(home.dagster),
        "PYTHONWARNINGS": "ignore",
    }


def _end_with_parent() -> None:
    """Should this command be killed, Dagster is asked to stop by the kernel."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background has it ignored
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
