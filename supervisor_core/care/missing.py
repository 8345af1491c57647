"""Clears away what libraries have lost for good, in two steps: a scan marks, a person forgets.

What is forgotten is told first: a file in trash/ holds what people and models have said of it.
Nothing outside the home is ever touched, and never more than half of a library goes at once.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from supervisor_core.home import Home
from supervisor_core.keys import MediaKey
from supervisor_core.media.files import publish, sync
from supervisor_core.pipeline import places
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Review
from supervisor_core.store import audit, decisions, forgetting, variants
from supervisor_core.store import media as media_table
from supervisor_core.store.audit import Deed
from supervisor_core.store.database import Connection
from supervisor_core.store.forgetting import Missing


@dataclass(frozen=True)
class Lost:
    """Files that are missing for long, and the media that came in nowhere else."""

    files: tuple[Missing, ...]
    media: tuple[MediaKey, ...]


def lost(context: Context, older_than_s: float) -> Lost:
    """What could be forgotten now."""
    with context.store.read() as connection:
        return _find(connection, context.now() - timedelta(seconds=older_than_s))


def forget_lost(context: Context, older_than_s: float) -> Lost:
    """Forgets it.

    Raises `Failed(CLEANUP_TOO_LARGE)` when that is more than half of a library: nothing goes then.
    """
    home, now = context.home, context.now()
    with context.store.write() as connection:
        found = _find(connection, now - timedelta(seconds=older_than_s))
        _require_few(found.files, forgetting.files_by_source(connection))
        if not found.files:
            return found
        told = forgetting.told_of(connection, found.media)
        _write(home.trash / f"forgotten-{now:%Y%m%dT%H%M%S%f}.json", told)
        links = [
            home.absolute(one.raw_path)
            for one in media_table.load(connection, found.media).values()
        ]
        made = [one.path for one in variants.of(connection, found.media) if one.path]
        decisions.lose(connection, _decided(connection, found.media), now)
        forgetting.forget(connection, found.files, found.media)
        audit.write(connection, context.owner, list(_deeds(found)), now)
    _remove(home, found.media, links, [home.absolute(path) for path in made])
    return found


def _find(connection: Connection, before: datetime) -> Lost:
    files = forgetting.missing_before(connection, before)
    return Lost(tuple(files), tuple(forgetting.only_there(connection, files)))


def _require_few(files: Sequence[Missing], known: Mapping[str, int]) -> None:
    for source, count in Counter(one.source for one in files).items():
        if 2 * count > known[source]:
            raise Failed(Reason.CLEANUP_TOO_LARGE, files=count, of=known[source])


def _write(path: Path, told: object) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(told, file, default=str)
        file.flush()
        os.fsync(descriptor)
    sync(path.parent)


def _remove(home: Home, media: Iterable[str], links: Iterable[Path], made: Iterable[Path]) -> None:
    """Removes the links, and moves what was made of the files to trash/."""
    for link in links:
        if link.is_symlink():
            link.unlink()
    for path in [*(drawn for one in media for drawn in places.drawn_of(home, one)), *made]:
        with suppress(FileNotFoundError):
            publish(path, home.trash / f"{path.parent.parent.name}-{path.name}")


def _decided(connection: Connection, media: Sequence[MediaKey]) -> list[MediaKey]:
    known = media_table.load(connection, media)
    return [key for key, one in known.items() if one.review is not Review.NONE]


def _deeds(found: Lost) -> Iterable[Deed]:
    for media in found.media:
        yield Deed("forget", media, {"reason": Reason.FILE_NOT_FOUND.value})
