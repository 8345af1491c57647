"""The part of `doctor` that looks at the model server, and at the analyses that wait for it.

A server that is away is a warning only: nothing is lost, the analyses wait. What somebody has set
wrong is a failure, since no waiting helps against it.
"""

from datetime import UTC, datetime

from supervisor_assets.cli import doctor_child, health
from supervisor_assets.cli.doctor_child import Look
from supervisor_assets.cli.findings import Finding, State, fine
from supervisor_assets.cli.installation import existing_home, existing_store
from supervisor_core.analysis.profiles import load_analysis
from supervisor_core.analysis.wanted import analysis_tasks
from supervisor_core.deadline import DeadlineExceeded, Worker
from supervisor_core.home import Home
from supervisor_core.model.breaker import Circuit, Phase
from supervisor_core.model.hosts import Endpoint
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings

# To start the child and load what speaks to the server, and for a name lookup.
_SPARE_S = 15.0
_SET_WRONG = (Reason.MODEL_HOST_FORBIDDEN, Reason.BAD_CONFIGURATION)
_RETRY = "See them with: supervisor-assets retry --dry-run"


def server(settings: Settings, worker: Worker) -> Finding:
    """The model server answers and has the model, where a profile asks for analyses."""
    if not _wanted(settings):
        return fine("model server", "no profile asks for an analysis")
    found = _look(settings, worker)
    version = f", version {found.version}" if found.version else ""
    place = f"{Endpoint.of(settings.ollama_url).url}{version}"
    if found.reason is None:
        return fine("model server", f"{place}: {settings.model} is there ({found.digest[:12]})")
    state = State.FAILED if found.reason in _SET_WRONG else State.WARNING
    said = f"{place}, model {settings.model}: {found.reason.value}. {found.reason.sentence}"
    return Finding("model server", state, said, found.reason.next_step, found.reason)


def breaker(settings: Settings) -> Finding:
    """No model is left alone because it has failed several times in a row."""
    from supervisor_core.store import breakers

    if not _has_store(settings):
        return fine("model breaker", "closed")
    with existing_store(settings).read() as connection:
        known = breakers.load_all(connection)
    now = datetime.now(UTC)
    parts = [f"{model} at {place} {_phase(one, now)}" for (place, model), one in known.items()]
    said = "; ".join(parts) or "closed"
    if all(one.phase is Phase.CLOSED for one in known.values()):
        return fine("model breaker", said)
    reason = Reason.BLOCKED_BY_OLLAMA
    return Finding("model breaker", State.WARNING, said, reason.next_step, reason)


def pauses(settings: Settings) -> Finding:
    """Nobody has paused what models are asked for, and forgotten it."""
    from supervisor_core.store.pauses import load

    if not _has_store(settings):
        return fine("pauses", "none")
    with existing_store(settings).read() as connection:
        known = load(connection).values()
    if not known:
        return fine("pauses", "none")
    said = "; ".join(f"{one.task} since {one.since:%Y-%m-%d %H:%M} by {one.who}" for one in known)
    return Finding("pauses", State.WARNING, said, Reason.PAUSED.next_step, Reason.PAUSED)


def analyses(settings: Settings) -> Finding:
    """What is asked can be read, and no analysis is blocked or has failed for good."""
    from supervisor_assets.cli.standing import Standing

    for name in sorted(set(_wanted(settings).values())):
        folder = settings.analyses_folder or settings.home.absolute() / "analyses"
        load_analysis(name.partition("/")[2], folder)
    if not _has_store(settings):
        return fine("analyses", "none yet")
    with existing_store(settings).read() as connection:
        standing = Standing.of(connection, existing_home(settings), settings)
    blocked = standing.reasons("blocked")
    if standing.count("dead"):
        return Finding("analyses", State.WARNING, standing.said, _RETRY)
    if blocked:
        reason = max(blocked, key=lambda one: blocked[one])
        return Finding("analyses", State.WARNING, standing.said, reason.next_step, reason)
    return fine("analyses", standing.said)


def canary(settings: Settings) -> Finding:
    """The last flight of the canary went all the way; one that is overdue is a warning only."""
    said = health.ask(Home(settings.home.absolute()), settings)
    words = health.in_words(said)
    if said.reason is None:
        return fine("canary", words)
    state = State.WARNING if said.works or said.overdue else State.FAILED
    return Finding("canary", state, words, said.reason.next_step, said.reason)


def _look(settings: Settings, worker: Worker) -> Look:
    try:
        return worker.call(
            doctor_child.look_at_model,
            settings.ollama_url,
            settings.model,
            settings.model_host_names,
            settings.model_health_s,
            limit_s=settings.model_health_s + _SPARE_S,
        )
    except DeadlineExceeded:
        return Look(Reason.OLLAMA_UNREACHABLE)


def _phase(circuit: Circuit, now: datetime) -> str:
    """The state in words; an open one whose time is over is tried with the next question."""
    if circuit.phase is Phase.CLOSED:
        return "closed"
    why = f"{circuit.failures} failures, {circuit.reason.value if circuit.reason else '-'}"
    if circuit.phase is Phase.OPEN and circuit.until and circuit.until > now:
        return f"left alone until {circuit.until.astimezone(UTC):%H:%M:%S} UTC ({why})"
    return f"tried with one question ({why})"


def _wanted(settings: Settings) -> dict[str, str]:
    return analysis_tasks(settings.profiles_folder or settings.home.absolute() / "profiles")


def _has_store(settings: Settings) -> bool:
    return (settings.home / "store" / "supervisor.duckdb").is_file()
