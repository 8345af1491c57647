"""`enrich`: asks for enrichments, has them made again, cancels or removes them.

Asking only writes rows: the `requests` sensor turns each into a run. What ends work under way takes
it out of the run's hands at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from supervisor_assets.cli import say
from supervisor_assets.cli.chosen import chosen_media
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.installation import existing_store
from supervisor_core.enrichment.modes import MODES, in_order
from supervisor_core.keys import MediaKey
from supervisor_core.settings import Settings
from supervisor_core.store import Store, asking
from supervisor_core.store.asking import Choice
from supervisor_core.store.database import Connection

_WHO = "cli"
_COLUMNS = ("mode", "items")


@dataclass(frozen=True)
class Wish:
    """What somebody wants: these modes, of media that these words choose."""

    modes: Sequence[str] = ()
    media: Sequence[str] = ()
    limit: int = 0
    since: str = ""
    missing: bool = False
    everything: bool = False
    force: bool = False
    cancel: bool = False
    delete: bool = False
    minutes: float = 0.0
    batch: int = 0
    dry_run: bool = False


def run(wish: Wish, *, as_json: bool) -> None:
    """Writes what is wanted, and says how many items that are."""
    modes = _modes(wish.modes)
    _check(wish)
    since = _moment(wish.since)
    store = existing_store(Settings.load())
    with store.read() as connection:
        media = chosen_media(connection, wish.media)
        found = _choose(connection, wish, modes, media, since)
    told: dict[str, Any] = {"requests": 0, "ended": 0, "removed": 0}
    if not wish.dry_run:
        told |= _do(store, wish, found)
    _show(wish, found, told, as_json=as_json)


def _modes(names: Sequence[str]) -> list[str]:
    wanted = [word for name in names for word in name.replace(" ", "").split(",") if word]
    if not wanted or "all" in wanted:
        return list(MODES)
    unknown = [name for name in wanted if name not in MODES]
    if unknown:
        raise Usage(f"There is no such mode; there are: all, {', '.join(MODES)}.")
    return in_order(wanted)


def _check(wish: Wish) -> None:
    if wish.cancel and wish.delete:
        raise Usage("Either --cancel or --delete: deleting cancels as well.")
    narrowed = wish.media or wish.since or wish.limit
    if wish.delete and not (narrowed or wish.everything):
        raise Usage("What is to be deleted? Name --media, --since or --limit, or say --all.")
    if wish.force and not (narrowed or wish.everything):
        raise Usage("What is to be made again? Name --media, --since or --limit, or say --all.")


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Usage("--since takes a date such as 2026-05-04.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _choose(
    connection: Connection,
    wish: Wish,
    modes: Sequence[str],
    media: set[MediaKey] | None,
    since: datetime | None,
) -> Choice:
    """The media that are meant: by default those without a result, as `--missing` says aloud."""
    with_results = wish.force or wish.everything or wish.cancel or wish.delete
    return asking.choose(
        connection,
        modes,
        media,
        since,
        only_missing=wish.missing or not with_results,
        only_open=wish.cancel,
        limit=wish.limit,
    )


def _do(store: Store, wish: Wish, found: Choice) -> dict[str, int]:
    with store.write() as connection:
        now = store.now()
        if wish.cancel:
            return {"ended": asking.cancel(connection, found, _WHO, now)}
        if wish.delete:
            removed = asking.remove(connection, found, _WHO, now, force=wish.force)
            return {"removed": removed}
        numbers = {"batch": wish.batch, "minutes": wish.minutes}
        given = {name: value for name, value in numbers.items() if value}
        asked = asking.ask(connection, found, _WHO, now, force=wish.force, numbers=given)
        return {"requests": len(asked)}


def _show(wish: Wish, found: Choice, told: dict[str, Any], *, as_json: bool) -> None:
    counts = found.counts
    if as_json:
        say.data_json({"dry_run": wish.dry_run, "items": counts, "count": found.count, **told})
        return
    if not counts:
        say.note("Nothing of the kind: everything has its result, or nothing is readable yet.")
        return
    say.table(_COLUMNS, list(counts.items()))
    say.note(_sentence(wish, found.count))


def _sentence(wish: Wish, count: int) -> str:
    if wish.dry_run:
        return f"{count} items are meant; nothing was changed."
    if wish.cancel:
        return f"{count} items were cancelled; begin again with: enrich --media KEY."
    if wish.delete:
        return f"The results of {count} items are gone; they are made again when somebody asks."
    return f"{count} items are asked for; they begin by themselves while a daemon runs (up)."
