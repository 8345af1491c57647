"""`status`: what came in and how far it is."""

from dataclasses import asdict
from typing import Any

import typer

from supervisor_assets.cli import fates, pages, say
from supervisor_assets.cli.codes import Code
from supervisor_assets.cli.installation import existing_home
from supervisor_assets.cli.standing import Standing
from supervisor_core.home import Home
from supervisor_core.inbox.listing import list_inbox
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store, pauses
from supervisor_core.store.overview import IntakeLine, Overview, overview

_COLUMNS = (
    "intake",
    "first seen",
    "profile",
    "kind",
    "files",
    "verified",
    "by region",
    "aside",
    "refused",
    "under way",
)


def run(intake: str | None, limit: int, *, as_json: bool) -> None:
    """Shows everything, or one intake."""
    settings = Settings.load()
    home = existing_home(settings)
    if intake is None:
        _show_all(home, settings, limit, as_json=as_json)
    else:
        _show_one(home, settings, IntakeKey(intake), as_json=as_json)


def _show_all(home: Home, settings: Settings, limit: int, *, as_json: bool) -> None:
    waiting = len(list_inbox(home.inbox).entries)
    with Store(home, settings).read() as connection:
        found = overview(connection, limit)
        standing = Standing.of(connection, home, settings)
        paused = list(pauses.load(connection).values())
    if as_json:
        told = [asdict(one) | {"since": one.since.isoformat()} for one in paused]
        more = {"analyses": standing.told, "paused": told}
        say.data_json(_told(home, found, waiting) | more)
        return
    say.table(_COLUMNS, [_row(line) for line in found.latest])
    if found.intakes > len(found.latest):
        say.note(f"{len(found.latest)} of {found.intakes} intakes; see more with --limit.")
    for code, count in found.reasons.items():
        reason = Reason[code]
        say.note(f"{reason} ({count}): {reason.sentence} {reason.next_step}")
    say.more(found.reasons)
    if standing.total():
        say.note(f"Analyses: {standing.said}.")
    for one in paused:
        say.note(f"Paused: {one.task}, since {one.since:%Y-%m-%d %H:%M} by {say.shown(one.who)}.")
    say.note(f"Files in the inbox: {waiting}. Home: {say.shown(home.root)}")


def _row(line: IntakeLine) -> list[object]:
    return [
        line.intake,
        line.first_seen.strftime("%Y-%m-%d %H:%M"),
        line.profile,
        line.kind,
        line.files,
        line.verified,
        line.by_region,
        line.aside,
        line.refused,
        line.under_way,
    ]


def _told(home: Home, found: Overview, waiting: int) -> dict[str, Any]:
    lines = [
        asdict(line) | {"first_seen": line.first_seen.isoformat(), "under_way": line.under_way}
        for line in found.latest
    ]
    return asdict(found) | {"latest": lines, "inbox": waiting, "home": str(home.root)}


def _show_one(home: Home, settings: Settings, intake: IntakeKey, *, as_json: bool) -> None:
    with Store(home, settings).read() as connection:
        told = fates.of_intake(connection, intake)
    if not told:
        raise Failed(Reason.UNKNOWN_INTAKE)
    if as_json:
        say.data_json({"intake": intake, "files": [fate.told for fate in told]})
    else:
        fates.show(told)
        pages.tell(home, settings, [intake])
    if not all(fate.verified for fate in told):
        raise typer.Exit(Code.NOT_VERIFIED)
