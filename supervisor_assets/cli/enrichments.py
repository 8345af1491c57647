"""`enrichments`: what the modes have found of each media, and what waits for its turn and why."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from supervisor_assets.cli import say
from supervisor_assets.cli.chosen import chosen_media
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.installation import existing_store
from supervisor_core.enrichment.modes import MODES
from supervisor_core.keys import media_id
from supervisor_core.settings import Settings
from supervisor_core.store import enriched
from supervisor_core.store.enriched import Enriched
from supervisor_core.store.enrichment_levels import Level, levels

_COLUMNS = ("mode", "done", "degraded", "abstained", "waiting", "blocked", "failed", "why")
_ONE = ("mode", "state", "value", "flaws or reason")
_FIELDS = ("field", "value", "source", "locked")
_SIGNS = 60
_GROUPS = {
    "done": ("done",),
    "degraded": ("degraded",),
    "abstained": ("abstained",),
    "waiting": ("queued", "waiting", "running"),
    "blocked": ("blocked",),
    "failed": ("error", "dead", "cancelled"),
}


def run(keys: Sequence[str], mode: str | None, *, as_json: bool) -> None:
    """Shows how all modes stand, or what was found of the given media."""
    if mode is not None and mode not in MODES:
        raise Usage(f"There is no such mode; there are: {', '.join(MODES)}.")
    store = existing_store(Settings.load())
    with store.read() as connection:
        media = chosen_media(connection, keys)
        if media is None:
            standing = levels(connection, store.now(), store.now())
            found: list[Enriched] = []
        else:
            standing = {}
            found = enriched.of(connection, sorted(media), mode)
    if media is None:
        chosen = {name: one for name, one in standing.items() if mode in (None, name)}
        _show_all(chosen, as_json=as_json)
    elif as_json:
        say.data_json({"media": [_told(one) for one in found]})
    else:
        _show_each(found)


def _show_all(standing: Mapping[str, Level], *, as_json: bool) -> None:
    counts = {name: _counts(one) for name, one in standing.items()}
    if as_json:
        reasons = {
            name: {reason.value: n for reason, n in sorted(one.reasons.items())}
            for name, one in standing.items()
        }
        say.data_json({name: {**counts[name], "reasons": reasons[name]} for name in standing})
        return
    rows = [(name, *counts[name].values(), _why(standing[name])) for name in standing]
    say.table(_COLUMNS, rows)
    for reason in sorted({reason for one in standing.values() for reason in one.reasons}):
        say.note(f"{reason}: {reason.sentence} {reason.next_step}")
    say.note("What was found of one media: enrichments KEY.")


def _counts(level: Level) -> dict[str, int]:
    return {
        name: sum(n for state, n in level.states.items() if state.value in states)
        for name, states in _GROUPS.items()
    }


def _why(level: Level) -> str:
    return ", ".join(f"{reason.value} {n}" for reason, n in sorted(level.reasons.items()))


def _show_each(found: Sequence[Enriched]) -> None:
    for one in found:
        say.data(say.shown(media_id(one.media)))
        say.table(_ONE, [_row(mode, state) for mode, state in one.modes.items()])
        if one.fields:
            rows = [
                (name, _short(value.value), value.source, "yes" if value.locked else "no")
                for name, value in one.fields.items()
            ]
            say.table(_FIELDS, rows)
        say.data("")
    if not found:
        say.note("Nothing was found of these yet; see: enrichments.")


def _row(mode: str, one: enriched.Standing) -> Sequence[object]:
    keys = list(MODES[mode].fields.values())
    value = one.result.get(keys[0]) if keys else None
    if mode == "dupe_hints" and one.result:
        value = f"{len(one.result.get('hints', []))} hints"
    why = ", ".join(one.flaws) or (one.reason.value if one.reason else "")
    return mode, one.state.value, _short(value), why


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    plain = "" if value is None else text
    return plain if len(plain) <= _SIGNS else f"{plain[: _SIGNS - 3]}..."


def _told(one: Enriched) -> dict[str, Any]:
    return {
        "media": one.media,
        "modes": {name: state.told() for name, state in one.modes.items()},
        "fields": {
            name: {"value": f.value, "source": f.source, "locked": f.locked}
            for name, f in one.fields.items()
        },
    }
