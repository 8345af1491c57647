"""Joins the segments of a recorded session, and proves that nothing is missing from what came out.

What can't be joined, or does not show what its segments show, is handed over in its segments:
nothing is lost, there are only more files.
"""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.chapters import Chapter
from supervisor_core.recording.joining import Joined, join
from supervisor_core.recording.proof import Shown, validate
from supervisor_core.recording.segment_file import Ending
from supervisor_core.recording.titles import TITLES, chapters_of, read
from supervisor_core.sessions.beginning import folder_of, streams
from supervisor_core.sessions.listing import listed
from supervisor_core.states import Recording as State
from supervisor_core.store import recordings, segments
from supervisor_core.store.recordings import Session
from supervisor_core.store.segments import RecordedFile, SegmentRow

JOINED = "joined"
# Causes that may pass: the step is tried again instead of handing over segments.
_PASSING = frozenset({Reason.DISK_FULL, Reason.IO_ERROR, Reason.CANCELLED})
# Ends at which the last picture may be torn off, which joining leaves out.
_TORN = frozenset({Ending.DIED, Ending.STALLED, Ending.SALVAGED, Ending.CANCELLED})


def join_session(context: Context, intake: IntakeKey) -> list[RecordedFile]:
    """Joins what was recorded, and returns the files that the session will be handed over as.

    What was joined before and is not proven yet is joined anew. Raises `Failed`: ITEM_BUSY while
    the session is being recorded, DISK_FULL, IO_ERROR.
    """
    with context.store.read() as connection:
        session = recordings.require(connection, intake)
        files = segments.files_of(connection, intake)
    if session.open:
        raise Failed(Reason.ITEM_BUSY)
    if session.state is not State.RECORDED or (files and all(file.proven for file in files)):
        return files
    rows = listed(context, session)
    stream = streams(context.home, context.settings).get(session.stream)
    if stream is not None and not stream.join:
        return _keep(context, intake, map(_single, rows))
    return _keep(context, intake, _joined(context, session, rows))


def validate_session(context: Context, intake: IntakeKey) -> list[RecordedFile]:
    """Compares every frame of the joined files with the segments, which replace what differs.

    Raises `Failed` for a cause that may pass.
    """
    with context.store.read() as connection:
        session = recordings.require(connection, intake)
        files = segments.files_of(connection, intake)
        rows = segments.segments_of(connection, intake)
    if session.state is not State.RECORDED or all(file.proven for file in files):
        return files
    proven = [one for file in files for one in _proven(context, file, rows)]
    return _keep(context, intake, proven)


def _joined(context: Context, session: Session, rows: Sequence[SegmentRow]) -> list[RecordedFile]:
    """The files that come of joining, and singly what can't be joined."""
    sound = [row for row in rows if row.frames and (row.reason is None or row.ending in _TORN)]
    made = _join(context, session, sound)
    if not made:
        sound = [row for row in sound if row.reason is None]
        made = _join(context, session, sound)
    taken = {sound[number].number for one in made for number in one.segments}
    singly = [_single(row) for row in rows if row.number not in taken]
    return [_file(context, one, sound) for one in made] + singly


def _join(context: Context, session: Session, rows: Sequence[SegmentRow]) -> list[Joined]:
    """Joins these segments; nothing comes of it when they can't be."""
    into = folder_of(context.home, session.intake) / JOINED
    shutil.rmtree(into, ignore_errors=True)
    if not rows:
        return []
    paths = [context.home.absolute(row.path) for row in rows]
    limit_s = _limit_s(context, sum(row.seconds for row in rows))
    try:
        return context.worker.call(
            join,
            paths,
            into,
            _chapters(context, session, rows),
            context.settings.reserve_bytes,
            limit_s=limit_s,
            scratch=[into],
            on_progress=context.on_progress,
        )
    except Failed as failed:
        if failed.reason in _PASSING:
            raise
        return []


def _chapters(context: Context, session: Session, rows: Sequence[SegmentRow]) -> list[Chapter]:
    spans = [(_begin(row).timestamp(), row.closed.timestamp()) for row in rows]
    return chapters_of(read(folder_of(context.home, session.intake) / TITLES), spans)


def _proven(context: Context, file: RecordedFile, rows: Sequence[SegmentRow]) -> list[RecordedFile]:
    """The file when it shows what its segments show, else those."""
    if file.joined is None:
        return [file]
    members = [row for row in rows if row.number in file.numbers]
    path = context.home.absolute(file.path)
    known = [Shown(row.frames, row.signature) if row.reason is None else None for row in members]
    paths = [context.home.absolute(row.path) for row in members]
    limit_s = _limit_s(context, 2 * file.seconds)
    try:
        (frames,) = context.worker.call(
            validate, [_parse(file.joined, path)], paths, known, limit_s=limit_s
        )
    except Failed as failed:
        if failed.reason in _PASSING:
            raise
        path.unlink(missing_ok=True)
        return [_single(row) for row in members]
    return [replace(file, proven=True, frames=frames)]


def _file(context: Context, joined: Joined, rows: Sequence[SegmentRow]) -> RecordedFile:
    members = [rows[number] for number in joined.segments]
    return RecordedFile(
        intake=members[0].intake,
        ordinal=0,
        path=context.home.relative(joined.path),
        numbers=tuple(row.number for row in members),
        frames=sum(row.frames for row in members) + sum(joined.restored),
        seconds=joined.length_s,
        size_bytes=joined.size_bytes,
        started=_begin(members[0]),
        joined=_text(joined),
        proven=False,
    )


def _single(row: SegmentRow) -> RecordedFile:
    return RecordedFile(
        intake=row.intake,
        ordinal=0,
        path=row.path,
        numbers=(row.number,),
        frames=row.frames,
        seconds=row.seconds,
        size_bytes=row.size_bytes,
        started=_begin(row),
    )


def _text(joined: Joined) -> str:
    """How a file was joined, with its segments counted by themselves and without titles."""
    alone = replace(joined, segments=tuple(range(len(joined.segments))), chapters=())
    return json.dumps({name: value for name, value in asdict(alone).items() if name != "path"})


def _parse(text: str, path: Path) -> Joined:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(text).items()
    }
    return Joined(path=path, **values)


def _keep(context: Context, intake: IntakeKey, files: Iterable[RecordedFile]) -> list[RecordedFile]:
    """Writes the files, numbered in the order of what is in them."""
    ordered = sorted(files, key=lambda file: file.numbers)
    numbered = [replace(file, ordinal=number) for number, file in enumerate(ordered)]
    with context.store.write() as connection:
        segments.keep_files(connection, intake, numbered)
    return numbered


def _begin(row: SegmentRow) -> datetime:
    return row.closed - timedelta(seconds=row.seconds)


def _limit_s(context: Context, seconds: float) -> float:
    settings = context.settings
    return settings.recording_join_base_s + settings.recording_join_rate * seconds
