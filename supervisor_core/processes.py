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
from typing import NamedTuple

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


class Process(NamedTuple):
    """What proc(5) says of one process; a dead one stays listed until its parent reaps it."""

    parent: int
    group: int
    alive: bool


Family = dict[int, Process]


def descendants(ancestor: int) -> Family:
    """Every process below `ancestor`."""
    everybody = _everybody()
    family: Family = {}
    generation = {ancestor}
    while generation:
        children = {pid for pid, process in everybody.items() if process.parent in generation}
        generation = children - family.keys()
        family |= {pid: everybody[pid] for pid in generation}
    return family


def marked(mark: str) -> Family:
    """Every living process of ours that was started with `mark` (a `NAME=value`) around it."""
    line = mark.encode()
    family = {}
    for pid in _pids():
        with contextlib.suppress(OSError):
            if line in _read(pid, "environ").split(b"\0"):
                family[pid] = _look_at(pid)
    return family


def send_signal(family: Family, number: signal.Signals) -> None:
    """Sends the signal to each of them, by groups, which nobody leaves by forking.

    The dead count too: a process that hands over to a new one all the time is often only seen by
    the dead ones it leaves, whose group the living one is in.
    """
    own = os.getpgrp()
    groups = {process.group for process in family.values()} - {own, 0}
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
    for pid, process in family.items():
        if process.group == own:  # it was about to get a group of its own
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def kill_until_none(find: Callable[[], Family], limit_s: float) -> bool:
    """Kills what `find` finds, again and again while it forks; false when some outlive the limit.

    Only a process inside the kernel (a disk or network mount that does not answer) outlives it.
    """
    until = time.monotonic() + limit_s
    while True:
        family = find()
        if not any(process.alive for process in family.values()):
            return True
        if time.monotonic() > until:
            return False
        send_signal(family, signal.SIGKILL)
        time.sleep(0.002)


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


def _look_at(pid: int) -> Process:
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    state, threads = fields[0], int(fields[17])
    # A process whose first thread has ended looks dead while its other threads run on.
    return Process(int(fields[1]), int(fields[2]), state not in (b"Z", b"X") or threads > 1)


def _everybody() -> Family:
    everybody = {}
    for pid in _pids():
        with contextlib.suppress(OSError):
            everybody[pid] = _look_at(pid)
    return everybody
