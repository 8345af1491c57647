"""A fault strikes only where, when and how it was asked for."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from supervisor_core import faults
from supervisor_core.faults import POINTS, VARIABLE, fault
from supervisor_core.reasons import Failed, Reason

POINT = "call.finished"
OTHER = "call.returned"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    faults.start_over()


def reach_points(setting: str, *points: str) -> subprocess.Popen[str]:
    """Reaches the points one after the other in a process of its own, printing each survived."""
    code = "import sys; from supervisor_core.faults import fault\n" + "\n".join(
        f"fault({point!r}); print({point!r}, flush=True)" for point in points
    )
    environment = {**os.environ, VARIABLE: setting}
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_nothing_happens_at_any_point_without_the_variable() -> None:
    for point in POINTS:
        fault(point)


def test_an_unknown_point_is_a_mistake_even_without_the_variable() -> None:
    with pytest.raises(Failed) as failure:
        fault("no.such.point")
    assert failure.value.reason is Reason.INTERNAL_ERROR


@pytest.mark.parametrize(
    "setting",
    ["no.such.point", f"{POINT}:explode", f"{POINT}:0", f"{POINT}:error:x", ":error", ":"],
)
def test_a_setting_that_names_nothing_is_refused(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, setting)
    with pytest.raises(Failed) as failure:
        fault(POINT)
    assert failure.value.reason is Reason.BAD_CONFIGURATION


@pytest.mark.parametrize(("action", "code"), [("error", errno.EIO), ("full", errno.ENOSPC)])
def test_the_disk_fails_at_the_named_time_only(
    action: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"{POINT}:{action}:2")
    fault(POINT)
    fault(OTHER)
    with pytest.raises(OSError) as failure:  # noqa: PT011 - the number is what is looked at
        fault(POINT)
    assert failure.value.errno == code
    fault(POINT)


@pytest.mark.parametrize("setting", [OTHER, f"{OTHER}:kill", f"{OTHER}:1"])
def test_kill_is_a_real_sigkill_at_that_point(setting: str) -> None:
    with reach_points(setting, POINT, OTHER) as process:
        output, _ = process.communicate(timeout=20)
    assert (process.returncode, output) == (-signal.SIGKILL, f"{POINT}\n")


def test_kill_waits_for_its_occurrence() -> None:
    with reach_points(f"{POINT}:3", POINT, POINT, POINT, OTHER) as process:
        output, _ = process.communicate(timeout=20)
    assert (process.returncode, output) == (-signal.SIGKILL, f"{POINT}\n{POINT}\n")


def test_hang_never_comes_back() -> None:
    with reach_points(f"{OTHER}:hang", POINT, OTHER) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{POINT}\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        process.kill()
        assert process.stdout.read() == ""
