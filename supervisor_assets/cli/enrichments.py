"""`enrichments`: what the modes have found of each media, and what waits for its turn and why."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from supervisor_assets.cli import pages, say
from supervisor_assets.cli.chosen import chosen_media
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.installation import existing_home
from supervisor_core.clock import utc_now
from supervisor_core.enrichment.modes import MODES
from supervisor_core.home import Home
from supervisor_core.keys import media_id
from supervisor_core.pipeline.enrich_subjects import modes_by_profile
from supervisor_core.settings import Settings
from supervisor_core.store import Connection, Store, enriched, enrichment_levels
from supervisor_core.store.enriched import Enriched
from supervisor_core.store.enrichment_levels import Level

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
    settings = Settings.load()
    home = existing_home(settings)
    with Store(home, settings).read() as connection:
        media = chosen_media(connection, keys)
        standing = _standing(connection, home, settings, mode) if media is None else None
        found = enriched.of(connection, sorted(media or ()), mode)
    if standing is not None:
        _show_all(home, standing, as_json=as_json)
    elif as_json:
        say.data_json({"media": [_told(one) for one in found]})
    else:
        _show_each(found)


@dataclass(frozen=True)
class Row:
    """How one mode stands; `unbegun` are media that wait for it though nothing says so yet."""

    level: Level
    unbegun: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many media are in each group of states."""
        states = self.level.states.items()
        found = {
            name: sum(n for state, n in states if state.value in group)
            for name, group in _GROUPS.items()
        }
        return found | {"waiting": found["waiting"] + self.unbegun}

    @property
    def reasons(self) -> dict[str, int]:
        """How many wait or have ended for which reason."""
        return {reason.value: n for reason, n in sorted(self.level.reasons.items())}


@dataclass(frozen=True)
class Standing:
    """How the modes stand, and how many requests of people no run has begun with."""

    rows: Sequence[Row]
    requests: int


def _standing(connection: Connection, home: Home, settings: Settings, mode: str | None) -> Standing:
    asked_for = modes_by_profile(settings.profiles_folder or home.root / "profiles")
    now = utc_now()
    levels = enrichment_levels.levels(connection, now, now)
    fresh = enrichment_levels.unbegun(connection, asked_for)
    rows = [Row(one, fresh.get(name, 0)) for name, one in levels.items() if mode in (None, name)]
    return Standing(rows, enrichment_levels.requests(connection))


def _show_all(home: Home, standing: Standing, *, as_json: bool) -> None:
    rows = standing.rows
    if as_json:
        say.data_json({one.level.mode: {**one.counts, "reasons": one.reasons} for one in rows})
        return
    say.table(
        _COLUMNS, [(one.level.mode, *one.counts.values(), _listed(one.reasons)) for one in rows]
    )
    for reason in sorted({reason for one in rows for reason in one.level.reasons}):
        say.note(f"{reason}: {reason.sentence} {reason.next_step}")
    _tell_next(home, standing)


def _tell_next(home: Home, standing: Standing) -> None:
    """What has it go on: `up`, where none runs and something waits for it."""
    counts = {one.level.mode: one.counts for one in standing.rows}
    waiting = {mode: one["waiting"] for mode, one in counts.items() if one["waiting"]}
    if not standing.requests and not any(sum(one.values()) for one in counts.values()):
        say.note("Nothing is asked for of what may be read: a profile's `enrich` asks by itself.")
        say.note("Next: supervisor-assets enrich --mode all --dry-run")
        return
    if waiting:
        say.note(f"Media that wait: {_listed(waiting)}.")
    if standing.requests:
        say.note(f"Requests that wait: {standing.requests}.")
    if (waiting or standing.requests) and pages.of_up(home) is None:
        say.note("They go on while `up` runs. Next: supervisor-assets up")
    say.note("What was found of one media: enrichments KEY.")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


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
