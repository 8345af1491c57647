"""`backfill`: makes results again, by backfills of Dagster that the daemon carries out.

What is chosen is chosen by the store; each run then has the store forget what it is to make again
(`supervisor_assets.again`), so none is started that would find nothing to do.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import typer

from supervisor_assets.cli import say
from supervisor_assets.cli.backfill_choice import MOST, Choice, Order, assets_of, chosen
from supervisor_assets.cli.care import opened_pipeline
from supervisor_assets.cli.codes import Code
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.fates import words as reason_words
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Failed, Reason
from supervisor_core.redo import ENRICHMENTS, What, family

_COLUMNS = ("asset", "stands", "reason", "items", "intakes")
_SHOWN = 10
_VERBS = ("list", "status", "cancel")
_NO_REASON = "-"


def run(words: Sequence[str], order: Order, *, wait: bool, as_json: bool) -> None:
    """Makes results again, or tells of backfills, as the first word says."""
    verb, keys = words[0], words[1:]
    if verb not in _VERBS:
        _make(assets_of(words), order, wait=wait, as_json=as_json)
        return
    if order != Order() or len(keys) != (0 if verb == "list" else 1):
        raise Usage("It is: backfill list, backfill status ID, or backfill cancel ID.")
    from supervisor_assets.cli import backfills

    if verb == "list":
        backfills.show_all(as_json=as_json)
    elif verb == "status":
        backfills.show(keys[0], wait=wait, as_json=as_json)
    else:
        backfills.cancel(keys[0], wait=wait, as_json=as_json)


def _make(assets: Sequence[str], order: Order, *, wait: bool, as_json: bool) -> None:
    with ExitStack() as stack:
        work = opened_pipeline(stack)
        choice = chosen(work, assets, order)
        told = _told(choice, order)
        if not as_json:
            _show(choice, order)
        if choice.count and not order.dry_run:
            _permit(choice, order)
            _require_models(work, choice)
            told |= _start(work, choice, order, wait=wait, as_json=as_json)
    if as_json:
        say.data_json(told)
    if told.get("well") is False:
        raise typer.Exit(Code.FAILED)


def _permit(choice: Choice, order: Order) -> None:
    """Raises `Usage` for more than is begun without a word of consent."""
    if order.yes:
        return
    if choice.redo.what is What.ALL and not order.narrowed:
        raise Usage("--force of everything there is needs --since, --until, --intake, or --yes.")
    if choice.count > MOST:
        raise Usage(f"These are {choice.count} intakes; above {MOST} it needs --yes.")


def _require_models(work: Pipeline, choice: Choice) -> None:
    """Raises `Failed` while a model is away that would be asked: the runs would make nothing."""
    modes = [asset.partition("/")[2] for asset in choice.items if family(asset) == ENRICHMENTS]
    reasons = [*work.why_not(modes).values()]
    if "analyses" in choice.items:
        reasons += [one for one in (work.model_health().reason, work.model_rests()) if one]
    if reasons:
        raise Failed(reasons[0])


def _start(
    work: Pipeline, choice: Choice, order: Order, *, wait: bool, as_json: bool
) -> dict[str, Any]:
    # What launches takes two seconds to import; a dry run needs none of it.
    from supervisor_assets.cli import backfills

    with backfills.opened() as house:
        if wait and not house.daemon_runs:
            raise Usage("No daemon runs that would carry it out: see `up`, or leave out --wait.")
        with house.alone():
            _look_beside(house.beside(choice.redo, choice.intakes))
            launched = house.launch(choice.redo, choice.intakes)
        if not as_json:
            _note(launched, daemon_runs=house.daemon_runs)
        told: dict[str, Any] = {"backfills": [one.told for one in launched]}
        if wait:
            ended = [house.watch(one.id, quiet=as_json) for one in launched]
            left = {} if choice.redo.what is What.ALL else _left(work, choice, order)
            told = {"backfills": [one.told for one in ended], "still": dict(left)}
            told["well"] = all(one.well for one in ended) and not left
            if not as_json:
                _conclude(left)
        return told


def _look_beside(found: Sequence[Any]) -> None:
    """Raises `Usage` while the same is being made again already, which would make it twice."""
    for one in found:
        if one.same:
            raise Usage(
                f"Backfill {one.id} makes the same again in {one.intakes} of these intakes;"
                f" see: backfill status {one.id}, or end it: backfill cancel {one.id}."
            )
    for one in found:
        say.note(f"Backfill {one.id} has {one.intakes} of these intakes, too: runs wait for runs.")


def _left(work: Pipeline, choice: Choice, order: Order) -> Mapping[str, int]:
    """How many of the items that were meant are as they were, by asset."""
    now = chosen(work, list(choice.items), order)
    left = {}
    for asset, found in now.items.items():
        before = {(one.media, one.task) for one in choice.items[asset]}
        left[asset] = sum((one.media, one.task) in before for one in found)
    return {asset: count for asset, count in left.items() if count}


def _show(choice: Choice, order: Order) -> None:
    if not choice.count:
        say.note("Nothing of the kind: nothing is to be made again.")
        if order.redo.what is What.FAILED and order.narrowed:
            say.note("What is good is left alone; --force makes it again, too.")
        return
    intakes = choice.intakes
    rows = [
        (asset, state, reason.value if reason else _NO_REASON, count, len(intakes[asset]))
        for asset in choice.items
        for (state, reason), count in sorted(choice.states(asset).items(), key=str)
    ]
    say.table(_COLUMNS, rows)
    for asset, keys in intakes.items():
        more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        say.note(f"{asset}: {', '.join(keys[:_SHOWN])}{more}")
    if order.dry_run:
        say.note(f"{choice.count} intakes would get a run; nothing was changed.")


def _note(launched: Sequence[Any], *, daemon_runs: bool) -> None:
    for one in launched:
        say.note(f"Backfill {one.id}: {', '.join(one.assets)}, {one.intakes} intakes.")
    if not daemon_runs:
        say.note("No daemon runs: it begins with the next `supervisor-assets up`.")
        return
    say.note("How far it is: supervisor-assets backfill list")


def _conclude(left: Mapping[str, int]) -> None:
    if not left:
        say.note("All that was meant was made again.")
    for asset, count in left.items():
        say.note(f"{asset}: {count} items still stand as they did; see: backfill --dry-run")


def _told(choice: Choice, order: Order) -> dict[str, Any]:
    intakes = choice.intakes
    return {
        "dry_run": order.dry_run,
        "again": choice.redo.what.value,
        "intakes": choice.count,
        "assets": {
            asset: {
                "items": len(found),
                "intakes": len(intakes[asset]),
                "first": intakes[asset][:_SHOWN],
                "stands": [
                    {"state": state, "count": count, **_words(reason)}
                    for (state, reason), count in choice.states(asset).items()
                ],
            }
            for asset, found in choice.items.items()
        },
        "backfills": [],
    }


def _words(reason: Reason | None) -> dict[str, Any]:
    return dict(reason_words(reason))
