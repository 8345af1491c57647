"""`upscale`: asks for larger pictures, and makes them here while no daemon looks after the home."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer

from supervisor_assets.cli import fates, say
from supervisor_assets.cli.chosen import chosen_media
from supervisor_assets.cli.codes import code_of
from supervisor_assets.cli.installation import daemon_runs, existing_home
from supervisor_core.home import Home
from supervisor_core.keys import MediaKey, media_id
from supervisor_core.pipeline.enlarging import child_of, why_not
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Connection, Store, lookup, requests, variants
from supervisor_core.store.requests import State, Verb
from supervisor_core.store.variants import Variant

_WHO = "cli"
_COLUMNS = ("media", "state", "reason", "method", "pixels", "file")


@dataclass(frozen=True)
class Asked:
    """One picture, the request for it if one could be made, and what came of it so far."""

    media: MediaKey
    request: str | None
    state: State
    reason: Reason | None = None
    child: Variant | None = None


def run(words: Sequence[str], scale: float, *, as_json: bool) -> None:
    """Asks for each picture; ends with the reason's exit code where one can't be made."""
    settings = Settings.load()
    home = existing_home(settings)
    store = Store(home, settings)
    with store.write() as connection:
        chosen = sorted(chosen_media(connection, words) or set())
        asked = [_ask(connection, store, settings, media, scale) for media in chosen]
    queued = _left_to_the_daemon(home, store, asked)
    with store.read() as connection:
        found = [_found(connection, one, scale) for one in asked]
    if as_json:
        say.data_json({"scale": scale, "queued": queued, "pictures": [_told(one) for one in found]})
    else:
        _show(found, queued=queued)
    failed = [one.reason for one in found if one.reason and one.state is State.FAILED]
    if failed:
        raise typer.Exit(code_of(failed[0]))


def _ask(
    connection: Connection, store: Store, settings: Settings, media: MediaKey, scale: float
) -> Asked:
    """A request for one picture, unless it is there already or can't be made."""
    reason = why_not(connection, media, scale)
    if reason is not None:
        return Asked(media, None, State.FAILED, reason)
    there = child_of(connection, store.home, settings, media, scale)
    if there is not None:
        return Asked(media, None, State.DONE, child=there)
    request = requests.ask(connection, Verb.UPSCALE, media, _WHO, store.now(), {"scale": scale})
    return Asked(media, request, State.QUEUED)


def _left_to_the_daemon(home: Home, store: Store, asked: Sequence[Asked]) -> bool:
    """Runs the job for what was asked for, unless a daemon does so; says whether one does."""
    open_ones = [one.media for one in asked if one.request]
    if not open_ones:
        return False
    with store.read() as connection:
        intakes = sorted(set(lookup.first_intakes(connection, open_ones).values()))
    # Dagster takes seconds to import.
    from supervisor_assets.cli.runs import open_quiet_instance
    from supervisor_assets.cli.upscale_runs import run_upscales

    with open_quiet_instance(home) as instance:
        if daemon_runs(instance):
            return True
        run_upscales(instance, home, intakes)
    return False


def _found(connection: Connection, asked: Asked, scale: float) -> Asked:
    if asked.request is None:
        return asked
    known = requests.find(connection, asked.request)
    made = [one for one in variants.of(connection, [asked.media]) if one.scale == scale]
    done = known.state is State.DONE and bool(made)
    return Asked(asked.media, asked.request, known.state, known.reason, made[0] if done else None)


def _show(found: Sequence[Asked], *, queued: bool) -> None:
    rows = [
        (
            media_id(one.media),
            one.state.value,
            one.reason,
            one.child.method if one.child else None,
            f"{one.child.width}x{one.child.height}" if one.child else None,
            one.child.path if one.child else None,
        )
        for one in found
    ]
    say.table(_COLUMNS, rows)
    for reason in sorted({one.reason for one in found if one.reason}):
        say.note(f"{reason}: {reason.sentence} {reason.next_step}")
    if queued:
        say.note("The daemon makes them now; ask again to see how far it is.")
    elif any(one.state in (State.QUEUED, State.RUNNING) for one in found):
        say.note("What is queued goes on by itself while a daemon runs (up).")


def _told(one: Asked) -> dict[str, Any]:
    child = one.child
    return {
        "media": media_id(one.media),
        "request": one.request,
        "state": one.state.value,
        **fates.words(one.reason),
        "method": child.method if child else None,
        "width": child.width if child else None,
        "height": child.height if child else None,
        "bytes": child.size_bytes if child else None,
        "sha256": child.child if child else None,
        "path": child.path if child else None,
        "preferred": child.preferred if child else None,
    }
