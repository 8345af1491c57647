"""Has the store forget that it holds what is to be made again, of one intake and one asset.

This happens in the run that makes it again, when it begins. What has ended since is left alone: so
a step that is tried again, or a run that follows a dead one, goes on where the other has stopped.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from supervisor_core.analysis.profiles import load_analysis
from supervisor_core.analysis.wanted import analysis_tasks
from supervisor_core.enrichment.modes import MODES, question_of
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline import checking, fingerprinting, places, thumbnails
from supervisor_core.pipeline.asking import model_health
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.enrich_recipes import model_of, recipe_in
from supervisor_core.pipeline.uncopied import task_of
from supervisor_core.pipeline.unlooked import looked_at_profiles
from supervisor_core.reasons import Failed
from supervisor_core.redo import CLEANED, Redo, What, family
from supervisor_core.remote.destination import Destination
from supervisor_core.store import Connection, audit, fingerprints, gate, integrity, leases, work
from supervisor_core.store import media as media_table
from supervisor_core.store.audit import Deed
from supervisor_core.store.exports import AWAY, OUT
from supervisor_core.store.redoing import Basis, Chosen, Made, Within, choose

VERB = "backfill"
_LOOKS = {"fingerprints": fingerprinting.TASK, "integrity": checking.TASK}


def make_willing(
    context: Context, intake: IntakeKey, asset: str, redo: Redo, before: datetime
) -> int:
    """Has the items of an intake wait again that are meant and ended before; returns how many.

    Raises `Failed(BAD_CONFIGURATION)` for a profile or prompt that can't be read, and what keeps
    the model from being asked where it must be known which one is served.
    """
    basis = basis_of(context, [asset], redo)
    within = Within(intakes=[intake], before=before)
    with context.store.write() as connection:
        chosen = choose(connection, asset, redo, within, basis)
        forgotten = _forget(context, connection, asset, redo, chosen, before)
        named = {"asset": asset, "what": redo.what.value}
        deeds = [Deed(VERB, one, named) for one in forgotten]
        audit.write(connection, context.owner, deeds, context.now())
    return len(forgotten)


def meant(
    context: Context, assets: Collection[str], redo: Redo, within: Within
) -> dict[str, list[Chosen]]:
    """What would be made again of each asset, looked up at one moment; changes nothing.

    Raises `Failed` as `make_willing`.
    """
    basis = basis_of(context, assets, redo)
    with context.store.read() as connection:
        found = {asset: choose(connection, asset, redo, within, basis) for asset in assets}
    if "thumbnails" in assets and redo == Redo():
        found["thumbnails"] = _with_undrawn(context, found["thumbnails"], within, basis)
    return found


def _with_undrawn(
    context: Context, chosen: Sequence[Chosen], within: Within, basis: Basis
) -> list[Chosen]:
    """What was chosen, and what lacks a picture though nothing in the store says so."""
    with context.store.read() as connection:
        every = choose(connection, "thumbnails", Redo(What.ALL), within, basis)
        subjects = thumbnails.subjects(connection, {one.media for one in every if one.media})
    meant = {one.media for one in chosen}
    meant |= {one.media for one in subjects if not one.is_drawn(context.home)}
    return [one for one in every if one.media in meant]


def _forget(
    context: Context,
    connection: Connection,
    asset: str,
    redo: Redo,
    chosen: Sequence[Chosen],
    before: datetime,
) -> Collection[MediaKey]:
    media = dict.fromkeys(one.media for one in chosen if one.media)
    if asset == CLEANED:
        return _send_back(context, connection, media)
    if asset == "thumbnails":
        return _undraw(context, connection, media, redo, before)
    if asset == "videos":
        return ()
    for task in {one.task for one in chosen if one.task}:
        mine = [one.media for one in chosen if one.task == task and one.media]
        tasks = work.load(connection, task, mine).values()
        work.save(connection, [one.reopened() for one in tasks], context.now())
    if redo.what is What.ALL and asset == "fingerprints":
        fingerprints.outdate(connection, media)
    if redo.what is What.ALL and asset == "integrity":
        integrity.outdate(connection, media)
    return media


def _send_back(
    context: Context, connection: Connection, media: Collection[MediaKey]
) -> Collection[MediaKey]:
    now = context.now()
    known = media_table.load(connection, media).values()
    free = [one for one in known if leases.is_free(one, context.owner, now)]
    media_table.save(connection, [one.sent_back() for one in free], now)
    return [one.media for one in free]


def _undraw(
    context: Context,
    connection: Connection,
    media: Collection[MediaKey],
    redo: Redo,
    before: datetime,
) -> Collection[MediaKey]:
    """Removes the small pictures that are older than this moment; what failed has none."""
    if redo.what is not What.ALL:
        return media
    undrawn = []
    for one in media:
        found = places.drawn_of(context.home, gate.require_verified(connection, one).sha256)
        older = [path for path in found if path.exists() and _written(path) < before]
        for path in older:
            path.unlink()
        if older:
            undrawn.append(one)
    return undrawn


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def basis_of(context: Context, assets: Collection[str], redo: Redo) -> Basis:
    """What the results of these assets would rest on now.

    The model servers are asked which model they serve, where that decides; raises `Failed` when
    one can't be asked, and BAD_CONFIGURATION for what can't be read.
    """
    served = _Served(context, wanted=redo.what is What.OLDER)
    profiles: dict[str, Mapping[str, str]] = {}
    made: dict[str, list[Made]] = {}
    if "analyses" in assets:
        profiles["analyses"] = analysis_tasks(context.profiles_folder())
        made["analyses"] = _analyses(context, set(profiles["analyses"].values()), redo, served)
    for name in [one.partition("/")[2] for one in assets if family(one) == "enrichments"]:
        made[f"enrichments/{name}"] = [_mode(context, name, redo, served)]
    looked_at = looked_at_profiles(context.profiles_folder())
    for asset, task in _LOOKS.items():
        made[asset] = [Made(task)]
        profiles[asset] = dict.fromkeys(looked_at, task)
    if "bucket_copies" in assets:
        destination = Destination.of(context.settings)
        made["bucket_copies"] = [Made(task_of(destination))] if destination else []
    if "released_files" in assets:
        made["released_files"] = [Made(OUT), Made(AWAY)]
    return Basis(context.tools.code_version, made, profiles)


class _Served:
    """The digest of each model as its server has it, asked once; "" where it does not decide."""

    def __init__(self, context: Context, *, wanted: bool) -> None:
        self._context = context
        self._wanted = wanted
        self._digests: dict[str, str] = {}

    def digest(self, model: str) -> str:
        """Raises `Failed` when the model can't be asked."""
        if not self._wanted or not model:
            return ""
        if model not in self._digests:
            health = model_health(self._context, model)
            if health.reason is not None:
                raise Failed(health.reason)
            self._digests[model] = health.digest
        return self._digests[model]


def _analyses(context: Context, tasks: Collection[str], redo: Redo, served: _Served) -> list[Made]:
    """The prompt counts only where it decides: a broken one keeps nobody from trying again."""
    if redo.what in (What.FAILED, What.ALL):
        return [Made(task) for task in tasks]
    model, folder = context.settings.model, context.analyses_folder()
    prompts = {task: load_analysis(task.partition("/")[2], folder).prompt_hash for task in tasks}
    return [Made(task, model, prompt, served.digest(model)) for task, prompt in prompts.items()]


def _mode(context: Context, name: str, redo: Redo, served: _Served) -> Made:
    mode = MODES[name]
    if redo.what in (What.FAILED, What.ALL):
        return Made(mode.task)
    folder = context.settings.enrichments_folder or context.home.root / "enrichments"
    prompt = question_of(mode, folder).digest
    made = Made(mode.task, recipe_in(context, name), prompt)
    return replace(made, digest=served.digest(model_of(context, name)))
