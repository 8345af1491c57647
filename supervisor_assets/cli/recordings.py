"""`recordings`: the sessions of all streams, and what lies about that belongs to none of them."""

from typing import Any

import typer

from supervisor_assets.cli import say
from supervisor_assets.cli.codes import code_of
from supervisor_assets.cli.edge import warn
from supervisor_assets.cli.installation import existing_home
from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.orphans import Kind, Orphan, find_orphans, remove, total_of
from supervisor_core.settings import Settings
from supervisor_core.states import Recording
from supervisor_core.store import Store, recordings
from supervisor_core.store.recordings import Session

_COLUMNS = ("session", "stream", "state", "reason", "started", "media_s", "bytes", "sources")
_ORPHANS = ("kind", "path", "files", "bytes", "age_days")
_OVER = (Recording.HANDED_OVER, Recording.FAILED)
_DAY_S = 86_400.0


def show(limit: int, *, as_json: bool) -> None:
    """Lists the newest sessions."""
    settings = Settings.load()
    with Store(existing_home(settings), settings).read() as connection:
        told = [_session(session) for session in recordings.newest(connection, limit)]
    if as_json:
        say.data_json(told)
    else:
        say.table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in told])


def clean_up(older_than_days: float, *, apply: bool, as_json: bool) -> None:
    """Lists what belongs to no session, and with `apply` moves it to the trash."""
    settings = Settings.load()
    home = existing_home(settings)
    orphans = _orphans(home, settings, older_than_days * _DAY_S)
    refused: Failed | None = None
    moved: list[Orphan] = []
    try:
        total = total_of(home.recordings)
        going = remove(orphans, home.recordings, home.trash, total, dry_run=not apply)
        moved = going if apply else []
    except Failed as failed:
        if failed.reason is not Reason.CLEANUP_TOO_LARGE:
            raise
        refused = failed
    _print(home, orphans, moved, refused, as_json=as_json)
    if refused:
        raise typer.Exit(code_of(refused.reason))


def _orphans(home: Home, settings: Settings, older_than_s: float) -> list[Orphan]:
    with Store(home, settings).read() as connection:
        sessions = recordings.in_states(connection, list(Recording))
    return find_orphans(
        home.recordings,
        {session.intake for session in sessions},
        open_={session.intake for session in sessions if session.state not in _OVER},
        trash=home.trash,
        older_than_s=older_than_s,
    )


def _print(
    home: Home, orphans: list[Orphan], moved: list[Orphan], refused: Failed | None, *, as_json: bool
) -> None:
    told = [_orphan(home, orphan) for orphan in orphans]
    if as_json:
        reason = refused.reason if refused else None
        shape = {"orphans": told, "moved": len(moved), "reason": reason}
        said = {"message": reason.sentence, "next_step": reason.next_step} if reason else {}
        say.data_json(shape | said)
    else:
        say.table(_ORPHANS, [[row[name] for name in _ORPHANS] for row in told])
    if refused:
        warn(refused.reason, f"{refused.reason}: {refused.reason.sentence}")
    elif moved:
        say.note(f"Moved to the trash: {len(moved)}.")
    elif any(orphan.kind is not Kind.TRASH for orphan in orphans):
        say.note("Nothing was moved; --apply moves them to the trash.")


def _session(session: Session) -> dict[str, Any]:
    return {
        "session": session.intake,
        "stream": session.stream,
        "state": session.state.value,
        "reason": session.reason.value if session.reason else None,
        "started": session.started.isoformat(timespec="seconds"),
        "ended": session.ended.isoformat(timespec="seconds") if session.ended else None,
        "media_s": round(session.media_s, 3),
        "bytes": session.size_bytes,
        "sources": session.sources,
    }


def _orphan(home: Home, orphan: Orphan) -> dict[str, Any]:
    return {
        "kind": orphan.kind.value,
        "path": home.relative(orphan.path),
        "files": orphan.files,
        "bytes": orphan.size_bytes,
        "age_days": round(orphan.age_s / _DAY_S, 2),
    }
