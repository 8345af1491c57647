"""Brings the store's list of segments in line with what lies in a session's folder.

A recorder that was killed leaves a segment half written, or closed and not yet in the list.
"""

from pathlib import Path

from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed
from supervisor_core.recording import inspection
from supervisor_core.recording.inspection import Inspected
from supervisor_core.recording.progress import State as Picture
from supervisor_core.recording.segment_file import SUFFIX, Ending, Folder, salvage
from supervisor_core.sessions.beginning import folder_of
from supervisor_core.sessions.scribe import number_of, segment_row
from supervisor_core.store import segments
from supervisor_core.store.recordings import Session
from supervisor_core.store.segments import SegmentRow


def listed(context: Context, session: Session) -> list[SegmentRow]:
    """The segments of a session that nobody records any more, all of them decoded and listed.

    Raises `Failed(ITEM_BUSY)` while a recorder is in its folder.
    """
    folder = folder_of(context.home, session.intake)
    if folder.is_dir():
        with Folder(folder).alone():
            salvage(folder)
            _list_missing(context, session, folder)
    with context.store.read() as connection:
        return segments.segments_of(connection, session.intake)


def _list_missing(context: Context, session: Session, folder: Path) -> None:
    with context.store.read() as connection:
        known = {row.number for row in segments.segments_of(connection, session.intake)}
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    rows = [_inspected(context, session, path) for path in paths if number_of(path) not in known]
    if rows:
        with context.store.write() as connection:
            for row in rows:
                segments.add_segment(connection, row)


def _inspected(context: Context, session: Session, path: Path) -> SegmentRow:
    seen = _inspect(context, path)
    ending, picture = Ending.SALVAGED, Picture.OK
    return segment_row(session, context.home, path, seen, ending=ending, picture=picture)


def _inspect(context: Context, path: Path) -> Inspected:
    settings = context.settings
    limit_s = settings.recording_inspect_base_s + (
        settings.recording_inspect_rate * settings.recording_segment_s
    )
    try:
        return context.worker.call(inspection.inspect, path, limit_s=limit_s)
    except Failed as failed:
        return Inspected(size_bytes=path.stat().st_size, reason=failed.reason)
