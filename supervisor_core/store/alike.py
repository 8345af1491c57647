"""Which files are the same, and which media look alike, as far as they may still be read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.store import fingerprints, gate, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.database import Connection
from supervisor_core.store.fingerprints import Pair
from supervisor_core.store.rows import ROWS, fetch, keys

# A file of a library that was moved or changed has arrived before under what it was then.
_TWICE = """
    WITH there AS (
        SELECT arrival.media, arrival.intake, ordinal, arrival.first_seen FROM arrival
        JOIN intake USING (intake)
        LEFT JOIN library_root ON library_root.source = intake.source
        LEFT JOIN library_file ON library_file.fingerprint = arrival.fingerprint
            AND library_file.state = 'present'
        WHERE arrival.state IN ('imported', 'duplicate')
            AND (library_root.source IS NULL OR library_file.fingerprint IS NOT NULL)
    )
    SELECT * FROM there WHERE media IN (SELECT media FROM there GROUP BY media HAVING count(*) > 1)
    ORDER BY first_seen, intake, ordinal
"""
_SAME_OUTPUT = """
    WITH shown AS (
        SELECT media, output.sha256 FROM output JOIN media USING (media)
        WHERE output.current AND output.path IS NOT NULL AND output.verified_at IS NOT NULL
            AND output.level = media.cleaning AND media.verification = 'verified'
    )
    SELECT sha256, media FROM shown
    WHERE sha256 IN (SELECT sha256 FROM shown GROUP BY sha256 HAVING count(*) > 1)
    ORDER BY sha256, media
"""
_FIRST_SEEN = f"SELECT media, first_seen FROM media JOIN {ROWS} USING (media)"  # noqa: S608


@dataclass(frozen=True)
class Arrived:
    """One file that came in: which of its intake, and when it was seen first."""

    intake: IntakeKey
    ordinal: int
    first_seen: datetime


@dataclass(frozen=True)
class Facts:
    """What is known of the file that stands for a media; sizes in pixels, bytes and seconds."""

    media: MediaKey
    width: int
    height: int
    size_bytes: int
    seconds: float | None
    first_seen: datetime


@dataclass(frozen=True)
class Alike:
    """All that is the same or looks alike, and what is known of it."""

    twice: Mapping[MediaKey, Sequence[Arrived]]
    same: Sequence[Sequence[MediaKey]]
    pairs: Sequence[Pair]
    facts: Mapping[MediaKey, Facts]


def alike(connection: Connection) -> Alike:
    """What there is to suggest, read at one moment."""
    twice, same, pairs = (
        arrived_twice(connection),
        same_outputs(connection),
        readable_pairs(connection),
    )
    in_pairs = {key for pair in pairs for key in (pair.media, pair.other)}
    wanted = {*twice, *(key for group in same for key in group), *in_pairs}
    return Alike(twice, same, pairs, facts_of(connection, wanted))


def arrived_twice(connection: Connection) -> dict[MediaKey, list[Arrived]]:
    """The files of every content that came in more than once and is still there, oldest first."""
    found: dict[MediaKey, list[Arrived]] = {}
    for row in fetch(connection, _TWICE):
        one = Arrived(IntakeKey(str(row["intake"])), row["ordinal"], row["first_seen"])  # type: ignore[arg-type]
        found.setdefault(MediaKey(str(row["media"])), []).append(one)
    return found


def same_outputs(connection: Connection) -> list[list[MediaKey]]:
    """Media whose cleaned files are the same though they themselves are not."""
    found: dict[str, list[MediaKey]] = {}
    for sha256, media in connection.execute(_SAME_OUTPUT).fetchall():
        found.setdefault(sha256, []).append(MediaKey(media))
    return list(found.values())


def readable_pairs(connection: Connection) -> list[Pair]:
    """Every two that look alike, as long as both still are the files that were looked at."""
    pairs = fingerprints.all_pairs(connection)
    media = sorted({key for pair in pairs for key in (pair.media, pair.other)})
    known = media_table.load(connection, media)
    files = outputs.current(connection, media)
    passed = (gate.pass_gate(one, files.get(key)) for key, one in known.items())
    shown = {one.media: one.sha256 for one in passed if one}
    return [
        pair
        for pair in pairs
        if shown.get(pair.media) == pair.output and shown.get(pair.other) == pair.other_output
    ]


def facts_of(connection: Connection, media: Iterable[str]) -> Mapping[MediaKey, Facts]:
    """What is known of each of these media, by its cleaned file where there is one."""
    wanted: Sequence[str] = sorted(set(media))
    known = media_table.load(connection, wanted)
    files = outputs.current(connection, wanted)
    seen = dict(connection.execute(_FIRST_SEEN, keys("media", wanted)).fetchall())
    found = {}
    for key, one in known.items():
        file = files.get(key)
        found[key] = Facts(
            key,
            file.width if file else one.info.width,
            file.height if file else one.info.height,
            file.size_bytes if file else one.info.size_bytes,
            one.info.seconds,
            seen[key],
        )
    return found
