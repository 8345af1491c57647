"""The queue: what waits, runs and failed, how the model is asked, and what to do about it."""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from gallery.access.roles import Role
from gallery.errors import Refusal
from gallery.house import House
from gallery.pages.after import after_ns, then
from gallery.queue import doing
from gallery.queue.held import held
from gallery.templating import render
from supervisor_core.enrichment.modes import MODES, PREFIX
from supervisor_core.keys import Retried
from supervisor_core.reasons import Reason
from supervisor_core.store.pauses import ANALYSIS, ENRICHMENT, PAUSABLE
from supervisor_core.time_left import in_words


def show(request: Request) -> Response:
    """The page."""
    return _answer(request, "queue.html")


def part(request: Request) -> Response:
    """The part of it that changes, for whoever has it renewed."""
    return _answer(request, "queue_part.html")


def retry(request: Request) -> Response:
    """Tries again what failed for one reason."""
    asset, reason = _field(request, "asset"), _field(request, "reason")
    if asset not in set(Retried) or reason not in {"", *(one.value for one in Reason)}:
        raise Refusal(422, Reason.BAD_REQUEST)
    with _house(request).writing() as connection:
        doing.retry(connection, *_by(request), Retried(asset), reason)
    return then("/queue")


def cancel(request: Request) -> Response:
    """Takes a request back, or ends all that is open in one mode."""
    job, mode = _field(request, "job"), _field(request, "task").removeprefix(PREFIX)
    if not job and mode not in MODES:
        raise Refusal(422, Reason.BAD_REQUEST)
    with _house(request).writing() as connection:
        if job:
            doing.cancel_job(connection, *_by(request), job)
        else:
            doing.cancel(connection, *_by(request), [], [mode])
    return then("/queue")


def pause(request: Request) -> Response:
    """Has nobody begin some work any more."""
    with _house(request).writing() as connection:
        doing.pause(connection, *_by(request), _task(request))
    return then("/queue")


def resume(request: Request) -> Response:
    """Lets it go on."""
    with _house(request).writing() as connection:
        doing.resume(connection, *_by(request), _task(request))
    return then("/queue")


def run(request: Request) -> Response:
    """Has begun now what waits."""
    with _house(request).writing() as connection:
        doing.run_once(connection, *_by(request), doing.RUN_MOST)
    return then("/queue")


def _answer(request: Request, template: str) -> Response:
    found = held(_house(request)).figures(after_ns(request))
    person = request.state.person
    values = {
        "found": found,
        "may_act": person.role >= Role.REVIEWER,
        "may_pause": person.role >= Role.ADMIN,
        "in_words": in_words,
        "reasons": Reason,
        "families": ((ANALYSIS, "Analyses"), (ENRICHMENT, "Enrichments")),
    }
    return render(request, template, values)


def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


def _by(request: Request) -> tuple[str, datetime]:
    return request.state.person.who, _house(request).store.now()


def _field(request: Request, name: str) -> str:
    values: list[str] = request.state.form.get(name, [])
    return values[0] if values else ""


def _task(request: Request) -> str:
    task = _field(request, "task")
    if task not in PAUSABLE:
        raise Refusal(422, Reason.BAD_REQUEST)
    return task
