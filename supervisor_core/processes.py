"""Finding and ending whole families of processes, whatever they did to get away (Linux).

Two marks lead to a process: its line of parents, which a child subreaper keeps whole, and a
variable in the environment it was started with. Sources: prctl(2), proc(5).
"""
# ruff: noqa: PTH108, PTH123, PTH208
# Importing pathlib would nearly double the guardian's start.

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PROC = "/proc"


def adopt_orphans() -> None:
    """Makes this process the parent of every descendant whose own parent ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Lets the kernel kill this process as soon as the *thread* that forked it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def descendants(ancestor: int) -> set[int]:
    """Every process below `ancestor`; dead ones that nobody has reaped yet do not count."""
    table = _table()
    found: set[int] = set()
    generation = {ancestor}
    while generation:
        generation = {pid for pid, (parent, _) in table.items() if parent in generation} - found
        found |= generation
    return {pid for pid in found if table[pid][1]}


def marked(mark: str) -> set[int]:
    """Every living process of ours that was started with `mark` (a `NAME=value`) around it."""
    line = mark.encode()
    found = set()
    for pid in _pids():
        with contextlib.suppress(OSError):
            if line in _read(pid, "environ").split(b"\0"):
                found.add(pid)
    return found


def send_signal(pids: Iterable[int], number: signal.Signals) -> None:
    """Sends the signal to each of them that is still there and ours."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill_until_none(find: Callable[[], set[int]], limit_s: float) -> bool:
    """Kills what `find` finds, again and again while it forks; false when some outlive the limit.

    Only a process inside the kernel (a disk or network mount that does not answer) outlives it.
    """
    until = time.monotonic() + limit_s
    while found := find():
        if time.monotonic() > until:
            return False
        send_signal(found, signal.SIGKILL)
        time.sleep(0.002)
    return True


def remove_parts(folders: Iterable[str]) -> None:
    """Removes every `*.part` file that lies directly in one of the folders; follows no link."""
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".part") and not entry.is_dir(follow_symlinks=False):
                    with contextlib.suppress(OSError):
                        os.unlink(entry.path)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(_PROC) if name.isdecimal()]


def _read(pid: int, name: str) -> bytes:
    with open(f"{_PROC}/{pid}/{name}", "rb") as file:
        return file.read()


def _table() -> dict[int, tuple[int, bool]]:
    """Parent of every process, and whether any of its threads is alive."""
    table = {}
    for pid in _pids():
        with contextlib.suppress(OSError):
            fields = _read(pid, "stat").rpartition(b")")[2].split()
            dead = fields[0] in (b"Z", b"X") and int(fields[17]) <= 1
            table[pid] = (int(fields[1]), not dead)
    return table
