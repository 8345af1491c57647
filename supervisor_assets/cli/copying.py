"""Copies files into the inbox so that they appear there together and complete.

They are copied into a hidden folder first, which nobody looks into, and shown by one rename. The
files they come from are only ever read.
"""

import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from supervisor_assets.cli.collect import Found
from supervisor_assets.cli.owned import owned_folder
from supervisor_assets.cli.say import Bar
from supervisor_core.home import Home
from supervisor_core.inbox.plan import DEFAULT_PROFILE
from supervisor_core.media.files import open_regular, require_free
from supervisor_core.reasons import Failed
from supervisor_core.settings import Settings

_SHOWN, _HIDDEN = "ingest-", ".ingest-"
_CHUNK = 1 << 20


def deliver(
    files: Sequence[Found], profile: str, home: Home, settings: Settings, bar: Bar
) -> tuple[str, list[Found]]:
    """Copies the files into a new folder of the inbox and returns its relative path.

    The list tells of each file whether it is there: those that could not be read have a reason.
    Raises `Failed(DISK_FULL)`, and then nothing is in the inbox.
    """
    _remove_empty(home.inbox)
    total = sum(found.size_bytes for found in files if not found.reason)
    require_free(home.inbox, total, settings.reserve_bytes)
    with owned_folder(home.inbox, _HIDDEN) as staging:
        content = staging / "content"
        content.mkdir()
        copied = _copy_all(files, content, total, bar)
        base = PurePosixPath("" if profile == DEFAULT_PROFILE else profile)
        place = base / f"{_SHOWN}{uuid.uuid4().hex[:12]}"
        (home.inbox / place).parent.mkdir(exist_ok=True)
        if any(not found.reason for found in copied):
            content.rename(home.inbox / place)
    return str(place), copied


def _copy_all(files: Sequence[Found], into: Path, total: int, bar: Bar) -> list[Found]:
    copied: list[Found] = []
    done = 0
    for found in files:
        copied.append(found if found.reason else _copy(found, into, done, total, bar))
        done += found.size_bytes
    return copied


def _copy(found: Found, into: Path, done: int, total: int, bar: Bar) -> Found:
    target = into / found.inside
    try:
        descriptor = open_regular(found.path)
    except Failed as failed:
        return replace(found, reason=failed.reason)
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(descriptor, "rb") as source, target.open("xb") as copy:
        while chunk := source.read(_CHUNK):
            copy.write(chunk)
            done += len(chunk)
            bar(done, total)
        copy.flush()
        before = os.fstat(descriptor)
        os.utime(copy.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
        os.fsync(copy.fileno())
    return found


def remove_if_empty(folder: Path) -> None:
    """Removes a folder and those in it, as far as there is nothing left inside."""
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(place).rmdir()


def _remove_empty(inbox: Path) -> None:
    for folder in (*inbox.glob(f"{_SHOWN}*"), *inbox.glob(f"*/{_SHOWN}*")):
        if not folder.is_symlink():
            remove_if_empty(folder)
