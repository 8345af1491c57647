"""`analyses`: what a model has said of each media, and what waits for its turn and why."""

from collections import Counter
from collections.abc import Sequence

from supervisor_assets.cli import analysis_words, say
from supervisor_assets.cli.chosen import chosen_media
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.installation import existing_home
from supervisor_assets.cli.standing import tasks_of
from supervisor_core.analysis.profiles import analysis_names
from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.states import Work
from supervisor_core.store import Store, analysed
from supervisor_core.store.analysed import Analysed

_FAILED = (Work.ERROR, Work.DEAD)


def run(keys: Sequence[str], profile: str | None, limit: int, *, as_json: bool) -> None:
    """Shows every analysis, or those of the given intakes, media and profile."""
    settings = Settings.load()
    home = existing_home(settings)
    found = _find(home, settings, keys, profile)
    if as_json:
        say.data_json(_told(found))
    elif keys:
        _show_whole(found)
    else:
        _show_all(found, limit)


def _find(
    home: Home, settings: Settings, keys: Sequence[str], profile: str | None
) -> list[Analysed]:
    with Store(home, settings).read() as connection:
        media = chosen_media(connection, keys)
        found = analysed.listed(connection, tasks_of(home, settings))
    if profile is not None:
        known = analysis_names(settings.analyses_folder or home.root / "analyses")
        _require_known(profile, {*known, *(one.profile for one in found)})
    return [
        one
        for one in found
        if profile in (None, one.profile) and (media is None or one.media in media)
    ]


def _require_known(profile: str, known: set[str]) -> None:
    if profile not in known:
        raise Usage(f"No analysis profile has this name; there are: {', '.join(sorted(known))}.")


def _show_all(found: Sequence[Analysed], limit: int) -> None:
    say.table(analysis_words.COLUMNS, [analysis_words.row(one) for one in found[:limit]])
    if len(found) > limit:
        say.note(f"{limit} of {len(found)} analyses; see more with --limit.")
    _explain(found)
    if found:
        say.note("Values and their frames: analyses KEY, or --json.")


def _show_whole(found: Sequence[Analysed]) -> None:
    for one in found:
        for line in analysis_words.heading(one):
            say.data(say.shown(line))
        if one.result is not None:
            rows = [claim.row for claim in analysis_words.claims(one.result)]
            say.table(analysis_words.CLAIM_COLUMNS, rows)
        say.data("")
    if not found:
        say.note("No analysis is wanted of these, or they are not verified yet; see: status.")
    _explain(found)


def _explain(found: Sequence[Analysed]) -> None:
    """Prints each reason once with what to do, and how to try again what ended for good."""
    for reason, count in sorted(Counter(one.reason for one in found if one.reason).items()):
        say.note(f"{reason} ({count}): {reason.sentence} {reason.next_step}")
    failed = sum(one.state in _FAILED for one in found)
    if failed:
        say.note(f"{failed} ended without success; once the cause is put right: retry.")


def _told(found: Sequence[Analysed]) -> dict[str, object]:
    states = Counter(one.state.value for one in found)
    reasons = Counter(one.reason.value for one in found if one.reason)
    return {
        "states": dict(sorted(states.items())),
        "reasons": dict(sorted(reasons.items())),
        "analyses": [analysis_words.told(one) for one in found],
    }
