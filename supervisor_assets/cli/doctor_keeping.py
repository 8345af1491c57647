"""The part of `doctor` that looks at what all rests on: the clock, locks, backups, pools.

Each looks at the real thing, and makes nothing but a file that has no name.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from supervisor_assets.cli.findings import Finding, State, fine, warning
from supervisor_assets.cli.installation import existing_home, store_as_it_is
from supervisor_core.backup.age import first_intake, standing
from supervisor_core.backup.sums import NAME as SUMS
from supervisor_core.clock import utc_now
from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store.database import known_steps

AHEAD_S = 60.0
JUMP_S = 2.0
_SHARED_DISKS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs"})
_WRITTEN = ("store/supervisor.count", "logs/supervisor.jsonl", "dagster/history/runs.db")
_UP = "Start it once with: supervisor-assets up"

Moment = tuple[float, float]


def now() -> Moment:
    """The time of the wall and of the monotonic clock, in seconds."""
    return time.time(), time.monotonic()


def clock(settings: Settings, begun: Moment) -> Finding:
    """The clock did not jump since `begun`, is not behind what was written, and has a zone."""
    wall_s, steady_s = now()
    jumped_s = (wall_s - begun[0]) - (steady_s - begun[1])
    if abs(jumped_s) > JUMP_S:
        return _bad_clock(f"it has just been set by {jumped_s:.0f} s")
    ahead_s = max((one - wall_s for one in _moments(settings)), default=0.0)
    if ahead_s > AHEAD_S:
        return _bad_clock(f"{ahead_s:.0f} s behind what was written here")
    zone = os.environ.get("TZ", "").lstrip(":")
    if zone and not zone.startswith("/") and not _is_zone(zone):
        fix = "Set TZ to a name as in timedatectl list-timezones, or unset it."
        return warning("clock", "the zone in TZ is not known; UTC is taken for it", fix)
    at = datetime.fromtimestamp(wall_s, UTC)
    return fine("clock", f"{at:%Y-%m-%d %H:%M} UTC, zone {time.tzname[0]}; schedules are in UTC")


def _bad_clock(said: str) -> Finding:
    fix = "Set the clock and keep it by NTP: timedatectl set-ntp true"
    return Finding("clock", State.FAILED, said, fix, Reason.BAD_CONFIGURATION)


def _moments(settings: Settings) -> Iterator[float]:
    """When something was written here last."""
    for name in _WRITTEN:
        path = settings.home / name
        if path.is_file():
            yield path.stat().st_mtime
    if (settings.home / "store" / "supervisor.duckdb").is_file():
        with store_as_it_is(settings).read() as store:
            row = store.execute("SELECT epoch(max(started)) FROM attempt").fetchone()
        if row and row[0] is not None:
            yield float(row[0])


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def locks(settings: Settings) -> Finding:
    """The disk of the home keeps a second one out of what a first has locked."""
    place = _nearest(settings.home.absolute())
    kind = disk_kind(place)
    with _nameless(place) as path:
        if not keeps_out(path):
            fix = "Move the home to a local disk: two processes would write to the store at once."
            return Finding(
                "locks", State.FAILED, f"{kind} does not lock", fix, Reason.BAD_CONFIGURATION
            )
    if kind in _SHARED_DISKS:
        fix = "Use it from one machine only, or move the home to a local disk."
        return warning("locks", f"{kind} may not lock between machines", fix)
    return fine("locks", f"{kind} locks")


@contextmanager
def _nameless(folder: Path) -> Iterator[Path]:
    """A path to a file that is in no folder, or to the folder itself where that can't be."""
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    except OSError:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def keeps_out(path: Path) -> bool:
    """True when a second opening of the file can't lock what the first has locked."""
    first, second = os.open(path, os.O_RDONLY), os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(first, fcntl.LOCK_EX)
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(first)
        os.close(second)


def disk_kind(place: Path) -> str:
    """The kind of file system that a path is on, as the kernel calls it."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    above = [one for one in mounts if place.is_relative_to(_unescaped(one[1]))]
    return max(above, key=lambda one: len(_unescaped(one[1])))[2] if above else "unknown"


def _unescaped(mount: str) -> str:
    return mount.encode("latin-1", "replace").decode("unicode_escape")


def _nearest(path: Path) -> Path:
    return next(one for one in (path, *path.parents) if one.is_dir())


def shape(settings: Settings) -> Finding:
    """The store is not of a newer program; what an older one made is brought up to date."""
    if not (settings.home / "store" / "supervisor.duckdb").is_file():
        return fine("store's shape", "no store yet")
    with store_as_it_is(settings).read() as store:
        had = {int(row[0]) for row in store.execute("SELECT version FROM migration").fetchall()}
    known = known_steps("main")
    if newer := had - known:
        said = f"step {max(newer)}, and this program knows {max(known)}"
        fix = "Install the version that made it, or a newer one; or restore a backup of before."
        return Finding("store's shape", State.FAILED, said, fix, Reason.BAD_CONFIGURATION)
    missing = len(known - had)
    said = f"step {max(had, default=0)}" + (f"; {missing} are made now" if missing else "")
    return fine("store's shape", said)


def backup(settings: Settings) -> Finding:
    """There is a young backup, complete, with room for the next one."""
    home = Home(settings.home.absolute())
    if not (home.store / "supervisor.duckdb").is_file():
        return fine("backup", "nothing to back up yet")
    with store_as_it_is(settings).read() as store:
        first = first_intake(store)
    found = standing(home, settings, first, utc_now())
    reason = Reason.BACKUP_OVERDUE
    if found.last is None:
        said = f"none, and the first intake is {found.age_days:.1f} days old"
        if found.late:
            return Finding("backup", State.WARNING, said, reason.next_step, reason)
        return fine("backup", "none yet; the first is made at night while the daemon runs")
    said = f"{found.count}, the last {found.age_days:.1f} days old"
    if found.late:
        return Finding("backup", State.WARNING, said, reason.next_step, reason)
    try:
        found.last.about()
        complete = (found.last.path / SUMS).is_file()
    except Failed:
        complete = False
    if not complete:
        broken = Reason.BACKUP_DAMAGED
        return Finding("backup", State.FAILED, f"{said}, is broken", broken.next_step, broken)
    free, needed = shutil.disk_usage(found.last.path).free, _size(found.last.path)
    if free < needed + settings.reserve_bytes:
        said += f"; {free / 1e9:.1f} GB free for the next one"
        fix = "Free space on its disk, or set SUPERVISOR_BACKUP_FOLDER to another one."
        return Finding("backup", State.WARNING, said, fix, Reason.DISK_FULL)
    if found.last.path.stat().st_dev == home.root.stat().st_dev:
        said += ", on the same disk as the home"
    return fine("backup", said)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def pools(settings: Settings) -> Finding:
    """Every pool has places, so that each kind of run can start."""
    from supervisor_assets.instance import READY, open_instance
    from supervisor_assets.pools import Pool

    if not (settings.home / "dagster" / READY).is_file():
        return fine("pools", "made when it is first started")
    with open_instance(existing_home(settings)) as instance:
        limits = instance.event_log_storage.get_pool_limits()
        queue = instance.get_concurrency_config().run_queue_config
    found = {one.name: one.limit for one in limits if not one.from_default}
    shut = [pool.value for pool in Pool if found.get(pool.value) == 0]
    most = queue.max_concurrent_runs if queue else -1
    if shut or most == 0:
        said = f"no place in {', '.join(shut) or 'the queue'}: such runs never start"
        fix = "Give it places on the page Deployment > Concurrency, or in dagster.yaml."
        return Finding("pools", State.FAILED, said, fix, Reason.BAD_CONFIGURATION)
    missing = [pool.value for pool in Pool if pool.value not in found]
    said = ", ".join(f"{pool.value} {found[pool.value]}" for pool in Pool if pool.value in found)
    if missing:
        return warning("pools", f"{', '.join(missing)} have no places of their own", _UP)
    return fine("pools", said)
