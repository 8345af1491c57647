"""What a mode is made with: its model and its recipe, as files and settings have them now."""

from supervisor_core.enrichment.modes import Asks, mode_named, question_of, recipe_of
from supervisor_core.pipeline.context import Context


def model_of(context: Context, mode: str) -> str:
    """The model that a mode asks; "" for none."""
    asks = mode_named(mode).asks
    names = {
        Asks.CHAT: context.settings.enriching_model,
        Asks.EMBED: context.settings.embed_model,
        Asks.NOTHING: "",
    }
    return names[asks]


def recipe_in(context: Context, name: str) -> str:
    """The recipe of a mode, as files and settings have it now."""
    mode, settings = mode_named(name), context.settings
    question = question_of(mode, settings.enrichments_folder or context.home.root / "enrichments")
    more = {"side": settings.picture_side} if mode.picture else {}
    return recipe_of(mode, question, model_of(context, name), **more)
