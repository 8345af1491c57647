"""Rows and files of long ago that only tell what was: requests, scans, looks, and trash."""

import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from supervisor_core.pipeline.context import Context
from supervisor_core.store import audit, pruning
from supervisor_core.store.audit import Deed

_DAY_S = 86_400.0


@dataclass(frozen=True)
class Forgotten:
    """How many rows and entries of trash/ went, or would go."""

    requests: int
    scans: int
    events: int
    looks: int
    trash: int


def forget_records(
    context: Context, older_than_days: float | None = None, *, dry_run: bool
) -> Forgotten:
    """Removes rows that are so old, or older than the settings keep; see `store.pruning`.

    Of every library the last scan stays, and of every file what was found of it last.
    """
    settings = context.settings
    kept_days = settings.records_kept_days if older_than_days is None else older_than_days
    before = context.now() - timedelta(days=kept_days)
    if dry_run:
        with context.store.read() as connection:
            counts = pruning.old_records(connection, before)
    else:
        with context.store.write() as connection:
            counts = pruning.forget_records(connection, before)
            if any(counts):
                deed = Deed("prune", "records", {"rows": sum(counts)})
                audit.write(connection, context.owner, [deed], context.now())
    days = settings.trash_kept_days
    trash = [] if days is None else _old_trash(context, days)
    for path in [] if dry_run else trash:
        _delete(path)
    return Forgotten(*counts, trash=len(trash))


def _old_trash(context: Context, days: float) -> list[Path]:
    """What came into trash/ so long ago: a rename changes a file's ctime."""
    before_s = context.now().timestamp() - days * _DAY_S
    with os.scandir(context.home.trash) as entries:
        return [
            Path(one.path) for one in entries if one.stat(follow_symlinks=False).st_ctime < before_s
        ]


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
