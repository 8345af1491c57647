"""Puts the finished files of sessions into the library, and keeps that as small as was asked for.

Only what passed the gate gets there: cleaned and verified, or of a profile that asks for no
cleaning. What was cleaned anew takes the place of what was there.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed
from supervisor_core.recording.library import Episode, add, episodes, root_of
from supervisor_core.recording.retention import discard, plan_retention
from supervisor_core.recording.streams import Keep, Layout, Stream
from supervisor_core.recording.tree import throw_away
from supervisor_core.repair import Cause, OpenIntake
from supervisor_core.sessions.beginning import streams
from supervisor_core.store import arrivals, recordings, segments
from supervisor_core.store.gate import Readable, free_of
from supervisor_core.store.segments import RecordedFile


@dataclass(frozen=True)
class Exported:
    """What lies in the library of a session, and how many episodes had to make room."""

    files: Sequence[RecordedFile]
    discarded: int


def unexported(context: Context) -> list[OpenIntake]:
    """The sessions with something for the library."""
    with context.store.read() as connection:
        found = segments.unexported(connection)
    return [
        OpenIntake(IntakeKey(intake), Cause.UNFINISHED, since.timestamp())
        for intake, since in found
    ]


def export(context: Context, intake: IntakeKey) -> Exported:
    """Gives each readable file of a session its place, then applies the stream's retention.

    What may not be read any more, or was cleaned anew, leaves its place first.
    Raises `Failed`: UNKNOWN_INTAKE, DISK_FULL, IO_ERROR, NOT_A_FILE for links in the library.
    """
    with context.store.read() as connection:
        session = recordings.require(connection, intake)
        files = segments.files_of(connection, intake)
        members = {one.ordinal: one.media for one in arrivals.arrivals_of(connection, intake)}
        readable: dict[MediaKey | None, Readable] = {
            one.media: one for one in free_of(connection, intake)
        }
    stream = streams(context.home, context.settings).get(session.stream)
    after = [
        _settled(context, stream, file, readable.get(members.get(file.ordinal)), called)
        for file, called in zip(files, _episodes(session.stream, files), strict=True)
    ]
    kept = [file for file in after if file.exported]
    return Exported(kept, _tidy(context, session.stream, stream.keep if stream else Keep()))


def tidy(context: Context) -> int:
    """Applies the retention of every configured stream; returns how many episodes went."""
    found = streams(context.home, context.settings)
    return sum(_tidy(context, name, stream.keep) for name, stream in found.items())


def _episodes(stream: str, files: Sequence[RecordedFile]) -> list[Episode]:
    """What the files are called: they are numbered where there are several."""
    alone = len(files) == 1
    return [Episode(stream, one.started, None if alone else one.ordinal + 1) for one in files]


def _settled(
    context: Context,
    stream: Stream | None,
    file: RecordedFile,
    found: Readable | None,
    called: Episode,
) -> RecordedFile:
    """The file as it lies in the library now."""
    if file.exported == (found.sha256 if found else None):
        return file
    before = _taken_out(context, file)
    if found is None:
        return before
    root, settings = root_of(context.home, context.settings), context.settings
    path = add(
        context.home.absolute(found.path),
        replace(called, suffix=Path(found.path).suffix),
        root,
        copies=settings.recording_library_copies,
        seasons=stream is None or stream.layout is Layout.SEASONS,
        reserve_bytes=settings.reserve_bytes,
    )
    return _marked(context, replace(before, exported=found.sha256, episode=str(path)))


def _taken_out(context: Context, file: RecordedFile) -> RecordedFile:
    """The file without its episode, which moves to the trash if it still lies there."""
    if file.episode:
        root = root_of(context.home, context.settings)
        reserve_bytes = context.settings.reserve_bytes
        with suppress(Failed):
            throw_away(root / file.episode, root, context.home.trash, reserve_bytes)
    return _marked(context, replace(file, exported=None, episode=None))


def _marked(context: Context, file: RecordedFile) -> RecordedFile:
    with context.store.write() as connection:
        segments.mark_exported(connection, file)
    return file


def _tidy(context: Context, name: str, keep: Keep) -> int:
    root = root_of(context.home, context.settings)
    mine = [one for one in episodes(root) if one.stream == name]
    going = plan_retention(mine, keep, context.now())
    if not going:
        return 0
    return len(discard(going, root, context.home.trash, context.settings.reserve_bytes))
