"""The part of `doctor` that tries the enrichment of libraries: questions, shapes, models, states.

A model that is not there is a warning only: what asks it waits, and nothing is lost.
"""

from supervisor_assets.cli import doctor_child
from supervisor_assets.cli.findings import Finding, State, fine
from supervisor_assets.cli.installation import existing_store
from supervisor_core.deadline import DeadlineExceeded, Worker
from supervisor_core.enrichment.modes import MODES, Asks, mode_named, question_of
from supervisor_core.media.policy import load_profile, profile_names
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings

_SPARE_S = 15.0
_SET_WRONG = (Reason.MODEL_HOST_FORBIDDEN, Reason.BAD_CONFIGURATION)
_RETRY = "See them with: supervisor-assets enrichments; again with: retry --asset enrichments"


def questions(settings: Settings) -> Finding:
    """Every question can be read, its answer's shape is a valid schema, profiles name only modes.

    What cannot be used is raised, and so is a finding with its reason.
    """
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    folder = settings.enrichments_folder or settings.home.absolute() / "enrichments"
    own = 0
    for mode in MODES.values():
        question = question_of(mode, folder)
        own += question.digest != question_of(mode).digest
        if question.schema is not None:
            try:
                validator_for(question.schema).check_schema(question.schema)
            except SchemaError:
                setting = f"enrichment.{mode.name}"
                raise Failed(Reason.BAD_CONFIGURATION, setting=setting, error="schema") from None
    asking = {name: modes for name, modes in _asked_for(settings).items() if modes}
    for modes in asking.values():
        for name in modes:
            mode_named(name)
    who = ", ".join(sorted(asking)) or "no profile"
    said = f"{len(MODES)} modes, {own} with questions of your own; asked for by {who}"
    return fine("enrichment questions", said)


def models(settings: Settings, worker: Worker) -> Finding:
    """The model that enriches and the one that makes vectors are there, where they are needed."""
    name = "enrichment models"
    wanted = {one for modes in _asked_for(settings).values() for one in modes if one in MODES}
    asked = {MODES[one].asks for one in wanted}
    needed = {Asks.CHAT: settings.enriching_model, Asks.EMBED: settings.embed_model}
    found = {model: _look(settings, model, worker) for ask, model in needed.items() if ask in asked}
    if not found:
        return fine(name, "none is needed")
    missing = {model: reason for model, reason in found.items() if reason is not None}
    said = "; ".join(
        f"{model} {'is there' if reason is None else reason.value}"
        for model, reason in found.items()
    )
    if not missing:
        return fine(name, said)
    worst = next((one for one in missing.values() if one in _SET_WRONG), None)
    reason = worst or next(iter(missing.values()))
    state = State.FAILED if worst else State.WARNING
    return Finding(name, state, said, reason.next_step, reason)


def standing(settings: Settings) -> Finding:
    """Nothing has failed for good, and nothing is held back by what somebody has set."""
    from supervisor_core.store.enrichment_levels import levels

    name = "enrichments"
    if not (settings.home / "store" / "supervisor.duckdb").is_file():
        return fine(name, "none yet")
    store = existing_store(settings)
    with store.read() as connection:
        found = levels(connection, store.now(), store.now()).values()
    states: dict[str, int] = {}
    reasons: dict[Reason, int] = {}
    for one in found:
        for state, count in one.states.items():
            states[state.value] = states.get(state.value, 0) + count
        for reason, count in one.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    said = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none yet"
    if states.get("dead", 0) + states.get("error", 0):
        return Finding(name, State.WARNING, said, _RETRY)
    held = {one: n for one, n in reasons.items() if one.class_.value == "config"}
    if held:
        worst = max(held, key=lambda one: held[one])
        return Finding(name, State.WARNING, said, worst.next_step, worst)
    return fine(name, said)


def _asked_for(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The modes that each profile names; one that can't be read is told of elsewhere."""
    folder = settings.profiles_folder or settings.home.absolute() / "profiles"
    found = {}
    for name in profile_names(folder):
        try:
            found[name] = load_profile(name, folder).enrich
        except Failed:
            continue
    return found


def _look(settings: Settings, model: str, worker: Worker) -> Reason | None:
    try:
        return worker.call(
            doctor_child.look_at_model,
            settings.ollama_url,
            model,
            settings.model_host_names,
            settings.model_health_s,
            limit_s=settings.model_health_s + _SPARE_S,
        ).reason
    except DeadlineExceeded:
        return Reason.OLLAMA_UNREACHABLE
