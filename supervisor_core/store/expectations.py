"""Which files the store says there are, and rows of it that contradict each other."""

from dataclasses import dataclass

from supervisor_core.store import exports
from supervisor_core.store.database import Connection

_RAW = "SELECT media, raw_path, size_bytes, cleaning FROM media"
_OUTPUTS = """
    SELECT media, sha256, path, size_bytes, current, verified_at IS NOT NULL FROM output
    WHERE path IS NOT NULL
"""
_ALONE = """
    SELECT DISTINCT media FROM (
        SELECT media FROM arrival WHERE state IN ('imported', 'duplicate')
        UNION ALL SELECT media FROM output
        UNION ALL SELECT media FROM work WHERE NOT starts_with(task, 'release/')
        UNION ALL SELECT media FROM analysis
    ) ANTI JOIN media USING (media) WHERE media IS NOT NULL
"""
_TWICE = "SELECT media FROM output WHERE current GROUP BY media HAVING count(*) > 1"


@dataclass(frozen=True)
class RawFile:
    """Where a media's own bytes lie, relative to the home; `free` needs no cleaning."""

    media: str
    path: str
    size_bytes: int
    free: bool


@dataclass(frozen=True)
class MadeFile:
    """A cleaned file that has not been thrown away, relative to the home."""

    media: str
    sha256: str
    path: str
    size_bytes: int
    current: bool
    verified: bool


@dataclass(frozen=True)
class ReleasedFile:
    """A file that is let out, relative to the home; not `whole` until it was seen there so."""

    media: str
    sha256: str
    path: str
    size_bytes: int
    whole: bool


@dataclass(frozen=True)
class Expected:
    """All of it at one moment; `alone` and `twice` name media of rows that contradict others."""

    raw: tuple[RawFile, ...]
    made: tuple[MadeFile, ...]
    alone: tuple[str, ...]
    twice: tuple[str, ...]
    released: tuple[ReleasedFile, ...] = ()

    @property
    def count(self) -> int:
        """How many files there should be, small pictures not counted."""
        return len(self.raw) + len(self.made) + len(self.released)


def expected(connection: Connection) -> Expected:
    """What should be there."""
    raw = connection.execute(_RAW).fetchall()
    return Expected(
        raw=tuple(
            RawFile(media, path, size, free == "not_required") for media, path, size, free in raw
        ),
        made=tuple(MadeFile(*row) for row in connection.execute(_OUTPUTS).fetchall()),
        alone=tuple(row[0] for row in connection.execute(_ALONE).fetchall()),
        twice=tuple(row[0] for row in connection.execute(_TWICE).fetchall()),
        released=tuple(
            ReleasedFile(
                one.media, one.output, f"released/{name}", one.size_bytes, one.created is not None
            )
            for name, one in exports.in_place(connection, exports.HOME).items()
        ),
    )
