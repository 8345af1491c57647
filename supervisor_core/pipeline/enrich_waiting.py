"""What waits for enrichment, and how each mode goes."""

from collections.abc import Iterable
from datetime import timedelta

from supervisor_core.enrichment.modes import MODES
from supervisor_core.pipeline.asking import model_health, model_rests
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.enrich_recipes import model_of, recipe_in
from supervisor_core.pipeline.enrich_subjects import modes_by_profile
from supervisor_core.reasons import Reason
from supervisor_core.store import pauses
from supervisor_core.store.enrichment_levels import Level, levels
from supervisor_core.store.open_enrichments import Waiting, open_enrichments


def waiting(context: Context) -> list[Waiting]:
    """The intakes with enrichments to make now; raises `Failed(BAD_CONFIGURATION)`."""
    asked_for = modes_by_profile(context.profiles_folder())
    recipes = {name: recipe_in(context, name) for name in MODES}
    with context.store.read() as connection:
        return open_enrichments(connection, asked_for, recipes, context.now())


def why_not(context: Context, modes: Iterable[str]) -> dict[str, Reason]:
    """Why the model of each of these modes can't be asked now; each model is looked at once.

    Of what a person has paused none is looked at.
    """
    wanted = list(modes)
    with context.store.read() as connection:
        known = pauses.load(connection)
    stopped = {name: Reason.PAUSED for name in wanted if pauses.covering(known, MODES[name].task)}
    named = {name: model_of(context, name) for name in wanted if name not in stopped}
    found = {
        model: model_health(context, model).reason or model_rests(context, model)
        for model in set(named.values())
        if model
    }
    reasons = {name: found.get(model) for name, model in named.items()}
    away = {name: reason for name, reason in reasons.items() if reason is not None}
    return stopped | away


def levels_now(context: Context) -> dict[str, Level]:
    """The figures of every mode, over the window of the settings."""
    now = context.now()
    since = now - timedelta(seconds=context.settings.service_window_s)
    with context.store.read() as connection:
        return levels(connection, since, now)
