"""Who holds an item: a run in a process, written so that others can tell when it is dead.

An owner reads `<name>@<machine>/<pid>.<start>`. The machine is the kernel's boot id with the number
of the process namespace: only there does a pid mean anything. The start time tells a process from a
later one that got the same pid.
"""

import re
from functools import cache
from pathlib import Path

_OWNER = re.compile(r"(?P<name>.*)@(?P<machine>[^@/]+)/(?P<pid>\d+)\.(?P<start>\d+)", re.DOTALL)
_START_FIELD = 19  # of /proc/<pid>/stat, counted behind the name in brackets


def this_process(name: str) -> str:
    """The owner that stands for this process working under a name of ours (a run id)."""
    pid = Path("/proc/self").readlink().name
    return f"{name}@{_machine()}/{pid}.{_start(pid)}"


def name_of(who: str) -> str:
    """The name of an owner without its process, and whoever is none as he stands."""
    match = _OWNER.fullmatch(who)
    return match["name"] if match else who


def is_gone(owner: str) -> bool:
    """True when the owner's process surely does not live any more; False when nobody here knows."""
    match = _OWNER.fullmatch(owner)
    if match is None or match["machine"] != _machine():
        return False
    return _start(match["pid"]) != match["start"]


def pid_here(owner: str) -> int | None:
    """The owner's living process on this machine, if there is one."""
    match = _OWNER.fullmatch(owner)
    if match is None or match["machine"] != _machine() or is_gone(owner):
        return None
    return int(match["pid"])


@cache
def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    namespace = re.sub(r"\D", "", str(Path("/proc/self/ns/pid").readlink()))
    return f"{boot}.{namespace}"


def _start(pid: str) -> str | None:
    """When a process started, in ticks since boot; None when there is none, or only its ashes."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = text.rpartition(")")[2].split()
    return None if state in "ZX" else fields[_START_FIELD - 1]
