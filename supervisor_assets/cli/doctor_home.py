"""The part of `doctor` that looks at the home, the store and the configuration."""

import os
import shlex
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from supervisor_assets.cli import doctor_child
from supervisor_assets.cli.findings import Finding, State, fine, warning
from supervisor_assets.cli.installation import (
    daemon_runs,
    existing_home,
    existing_store,
    silent_parts,
)
from supervisor_core.deadline import Worker
from supervisor_core.home import PRIVATE_FOLDERS, PUBLIC_FOLDERS
from supervisor_core.media.policy import load_profile, profile_names
from supervisor_core.pipeline.release_bucket import ReleaseDestination
from supervisor_core.pipeline.release_child import require_root
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.listing import list_page
from supervisor_core.remote.s3 import Storage
from supervisor_core.settings import Settings

_TRY_S = 60.0
_LITTLE = 10
_LATER = ("backups",)  # made when it is needed
_START = "Start it with: supervisor-assets up"


def folders(settings: Settings) -> Finding:
    """The home is there and shows nothing to others that it should not."""
    root = settings.home.absolute()
    if not root.is_dir():
        return warning("home", "not there yet", "It is made by the first ingest, demo or up.")
    ours = [root, *(root / name for name in (*PRIVATE_FOLDERS, *PUBLIC_FOLDERS, *_LATER))]
    there = [path for path in ours if path.is_dir()]
    shut = [path for path in there if not os.access(path, os.R_OK | os.W_OK | os.X_OK)]
    if shut:
        fix = f"Run: sudo chown -R {os.geteuid()} {_words(shut)} && chmod u+rwx {_words(shut)}"
        said = f"can't be written to: {', '.join(path.name for path in shut)}"
        return Finding("home", State.FAILED, said, fix, Reason.FILE_NOT_READABLE)
    private = [root / name for name in (*PRIVATE_FOLDERS, *_LATER)]
    open_ones = [path for path in private if path.is_dir() and _mode(path) & 0o077]
    if open_ones:
        said = f"others may look into {', '.join(path.name for path in open_ones)}"
        fix = f"Run: chmod 700 {_words(open_ones)}"
        return Finding("home", State.FAILED, said, fix, Reason.BAD_CONFIGURATION)
    closed = [root / name for name in PUBLIC_FOLDERS if _is_closed(root / name)]
    if closed:
        said = f"nobody else may look into {', '.join(path.name for path in closed)}"
        return warning("home", said, f"If others should, run: chmod 755 {_words(closed)}")
    names = settings.names_file or root / "names.txt"
    if names.is_file() and _mode(names) & 0o077:
        return warning("home", "others may read the list of names", f"Run: chmod 600 {names}")
    return fine("home", str(root))


def _words(paths: Sequence[Path]) -> str:
    """Paths as a shell takes them."""
    return shlex.join(map(str, paths))


def _is_closed(folder: Path) -> bool:
    return folder.is_dir() and _mode(folder) & 0o055 != 0o055


def disk(settings: Settings) -> Finding:
    """There is room to work."""
    root = settings.home.absolute()
    place = next(path for path in (root, *root.parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    said = f"{free / 1e9:.1f} GB free, {settings.reserve_bytes / 1e9:.1f} GB kept in reserve"
    fix = "Free space on this disk, or move the home with SUPERVISOR_HOME."
    if free < settings.reserve_bytes:
        return Finding("disk", State.FAILED, said, fix, Reason.DISK_FULL)
    if free < _LITTLE * settings.reserve_bytes:
        return warning("disk", said, fix)
    return fine("disk", said)


def storage(settings: Settings) -> Finding:
    """The bucket that is looked through can be listed, where there is one."""
    if not settings.s3_bucket:
        return fine("storage", "no bucket is set")
    page = list_page(Storage(settings), settings.s3_bucket, settings.s3_prefix, "")
    more = " or more" if page.more else ""
    return fine("storage", f"the bucket can be listed: {len(page.objects)} keys{more}")


def releases(settings: Settings, worker: Worker) -> Finding:
    """What a person releases can be put where the settings say."""
    destination = ReleaseDestination.of(settings)
    if destination is not None:
        Storage(settings).require_bucket(destination.bucket)
        return fine("releases", "the bucket for released files answers")
    if settings.release_folder is None:
        return fine("releases", "into released in the home")
    try:
        worker.call(require_root, settings.release_folder, limit_s=_TRY_S)
    except Failed as failed:
        fix = (
            "Mount its disk, make the folder, or give the program's user the right to write there."
        )
        said = "the folder of SUPERVISOR_RELEASE_FOLDER takes no files"
        return Finding("releases", State.FAILED, said, fix, failed.reason)
    return fine("releases", "into the folder of SUPERVISOR_RELEASE_FOLDER")


def store(settings: Settings) -> Finding:
    """The store can be opened, and who holds it."""
    if not (settings.home / "store" / "supervisor.duckdb").is_file():
        return warning("store", "not there yet", "It is made by the first ingest, demo or up.")
    try:
        with existing_store(settings).read() as connection:
            row = connection.execute("SELECT count(*) FROM intake").fetchone()
    except Failed as failed:
        if failed.reason is not Reason.STORE_BUSY:
            raise
        return _held_store(settings)
    return fine("store", f"{row[0] if row else 0} intakes")


def _held_store(settings: Settings) -> Finding:
    """The store that nobody can enter, with the processes that hold it by now."""
    locks = ("main.turnstile", "main.lock")
    holders = sorted({one for name in locks for one in _holders(settings.home / "store" / name)})
    said = f"locked for {settings.store_wait_s:g} s by {', '.join(holders) or 'nobody any more'}"
    fix = "See what it does (ps); one that hangs may be ended: the kernel then frees the store."
    return Finding("store", State.FAILED, said, fix, Reason.STORE_BUSY)


def key(settings: Settings) -> Finding:
    """The key of the restricted store is there, is private and fits."""
    path = settings.restricted_key_file or settings.home / "restricted.key"
    source = "SUPERVISOR_RESTRICTED_KEY" if settings.restricted_key else "its key file"
    if not settings.restricted_key and path.is_file() and _mode(path) & 0o077:
        said = "others may read its key file"
        fix = "Run chmod 600 on it, then make a new key if anybody else could have read it."
        return Finding("restricted store", State.FAILED, said, fix, Reason.RESTRICTED_KEY_MISSING)
    if not (settings.home / "store" / "restricted.duckdb").is_file():
        return warning("restricted store", "not there yet", "It is made when it is first needed.")
    with existing_store(settings).restricted():
        return fine("restricted store", f"opens with {source}; back the key up somewhere else")


def profiles(settings: Settings) -> Finding:
    """Every profile can be read."""
    folder = settings.profiles_folder or settings.home / "profiles"
    names = profile_names(folder)
    for name in names:
        load_profile(name, folder)
    return fine("profiles", ", ".join(names))


def devices(settings: Settings, worker: Worker) -> Finding:
    """Every device mask can be read; those nobody measured are told."""
    folder = settings.masks_folder or settings.home.absolute() / "masks"
    found = worker.call(doctor_child.look_at_masks, folder, limit_s=_TRY_S)
    guessed = [name for name, measured in found.items() if not measured]
    said = ", ".join(f"{name} (not measured)" if name in guessed else name for name in found)
    if guessed:
        fix = "Compare those not measured with a real frame before you rely on them."
        return warning("devices", said, fix)
    return fine("devices", said)


def daemon(settings: Settings) -> Finding:
    """A daemon looks after the inbox."""
    from supervisor_assets.instance import READY, open_instance

    if not (settings.home / "dagster" / READY).is_file():
        return warning("daemon", "never started here", _START)
    with open_instance(existing_home(settings)) as instance:
        if not daemon_runs(instance):
            said = "not running: what is dropped into the inbox waits"
            return warning("daemon", said, _START)
        silent, broken = silent_parts(instance)
    if silent or broken:
        said = "running; " + "; ".join(
            f"{', '.join(names)} {word}"
            for names, word in ((silent, "say nothing"), (broken, "tell of errors"))
            if names
        )
        fix = "See why with: supervisor-assets up --verbose; stop it and start it again."
        return warning("daemon", said, fix)
    return fine("daemon", "running")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _holders(lock: Path) -> list[str]:
    """The processes that hold a file's lock, as the kernel tells it."""
    if not lock.exists():
        return []
    inode = str(lock.stat().st_ino)
    lines = [line.split() for line in Path("/proc/locks").read_text("ascii").splitlines()]
    held = [line for line in lines if line[1] == "FLOCK" and line[5].rpartition(":")[2] == inode]
    return sorted({f"process {line[4]}" for line in held})
