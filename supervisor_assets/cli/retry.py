"""`retry`: whatever ended without success is tried again, when a person says so."""

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from supervisor_assets.cli import say
from supervisor_assets.cli.chosen import chosen_media
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.fates import words
from supervisor_assets.cli.installation import existing_store
from supervisor_core.keys import Retried, media_id
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store, dead_letters
from supervisor_core.store.dead_letters import Letter

_WHO = "cli"
_COLUMNS = ("asset", "reason", "items")
_NO_REASON = "-"

Groups = Mapping[tuple[Retried, Reason | None], int]


def run(
    keys: Sequence[str], code: str, asset: Retried | None, *, dry_run: bool, as_json: bool
) -> None:
    """Puts back what ended without success: all of it, or what the arguments name."""
    reason = _reason(code)
    store = existing_store(Settings.load())
    letters = _look(store, keys, reason, asset) if dry_run else _put(store, keys, reason, asset)
    groups = Counter((one.asset, one.reason) for one in letters)
    if as_json:
        say.data_json(_told(letters, groups, dry_run))
    else:
        _show(letters, groups, dry_run)


def _reason(code: str) -> str:
    """The code as it is written; raises `Usage` with those that resemble an unknown one."""
    wanted = code.strip().upper().replace("-", "_")
    known = [reason.value for reason in Reason]
    if not code or wanted in known:
        return wanted
    close = ", ".join(get_close_matches(wanted, known, n=3))
    raise Usage("No reason has this code." + (f" Do you mean {close}?" if close else ""))


def _look(store: Store, keys: Sequence[str], code: str, asset: Retried | None) -> list[Letter]:
    with store.read() as connection:
        return dead_letters.find(connection, code, asset, chosen_media(connection, keys))


def _put(store: Store, keys: Sequence[str], code: str, asset: Retried | None) -> list[Letter]:
    with store.write() as connection:
        found = dead_letters.find(connection, code, asset, chosen_media(connection, keys))
        return dead_letters.put_back(connection, found, _WHO, store.now())


def _show(letters: Sequence[Letter], groups: Groups, dry_run: bool) -> None:
    if not letters:
        say.note("Nothing to try again: nothing of the kind ended without success.")
        return
    rows = sorted((asset.value, _code(reason), count) for (asset, reason), count in groups.items())
    say.table(_COLUMNS, rows)
    for reason in sorted({one for _, one in groups if one is not None}):
        say.note(f"{reason}: {reason.sentence} {reason.next_step}")
    say.more(reason for _, reason in groups if reason is not None)
    if dry_run:
        say.note(f"{len(letters)} items would be tried again; nothing was changed.")
        return
    say.note(f"{len(letters)} items are tried again by themselves while a daemon runs (up).")


def _told(letters: Sequence[Letter], groups: Groups, dry_run: bool) -> dict[str, Any]:
    told = [
        {"asset": asset.value, "count": count, **words(reason)}
        for (asset, reason), count in groups.items()
    ]
    return {
        "dry_run": dry_run,
        "retried": 0 if dry_run else len(letters),
        "found": len(letters),
        "groups": told,
        "items": [_item(one) for one in letters],
    }


def _item(letter: Letter) -> dict[str, Any]:
    return {
        "asset": letter.asset.value,
        "media": media_id(letter.media),
        "intake": letter.intake,
        "task": letter.task,
        "state": letter.state.value,
        "reason": letter.reason.value if letter.reason else None,
        "attempts": letter.attempts,
        "ended": letter.ended.isoformat(),
    }


def _code(reason: Reason | None) -> str:
    return reason.value if reason else _NO_REASON
