"""`consistency`, `trace`, `missing`: what fits, what happened, what libraries have lost."""

from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

import typer

from supervisor_assets.cli import say
from supervisor_assets.cli.codes import Code
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.installation import existing_home, existing_store
from supervisor_core.care.consistency import Look, everything, look_over, nothing
from supervisor_core.care.flaws import Finding
from supervisor_core.care.missing import forget_lost, lost
from supervisor_core.deadline import Worker
from supervisor_core.keys import media_id
from supervisor_core.pipeline import Pipeline
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.forgetting import Missing
from supervisor_core.store.lookup import media_under
from supervisor_core.store.owners import this_process
from supervisor_core.store.traces import Event
from supervisor_core.store.traces import trace as trace_of

_DAY_S = 86_400.0
_MISSING = ("library", "media", "since", "bytes")
_TRACE = ("happened", "event", "of", "outcome", "reason", "seconds", "attempt", "who")


def look(*, hashes: bool, as_json: bool) -> None:
    """Looks everything over; exit 1 where something does not fit."""
    with ExitStack() as stack:
        bar = stack.enter_context(say.progress("Looking the store over"))
        work = opened_pipeline(stack).reporting(bar)
        found = work.do(look_over, everything if hashes else nothing)
    if as_json:
        say.data_json(_told(found))
    else:
        _show(found)
    if found.findings:
        raise typer.Exit(Code.FAILED)


def trace(key: str, *, as_json: bool) -> None:
    """Shows what happened to one media."""
    with existing_store(Settings.load()).read() as connection:
        media = media_under(connection, key) or set()
        if len(media) != 1:
            raise Usage("MEDIA stands for no media of this store, or for more than one.")
        told = [_event(one) for one in trace_of(connection, media.pop())]
    if as_json:
        say.data_json(told)
    else:
        say.table(_TRACE, [[row[name] for name in _TRACE] for row in told])


def missing(older_than_days: float, *, apply: bool, as_json: bool) -> None:
    """Lists what libraries have lost, and forgets it when told."""
    with ExitStack() as stack:
        work = opened_pipeline(stack)
        found = work.do(forget_lost if apply else lost, older_than_days * _DAY_S)
    rows = [_missing(one) for one in found.files]
    if as_json:
        media = [media_id(one) for one in found.media]
        say.data_json({"files": rows, "media": media, "applied": apply})
        return
    say.table(_MISSING, [[row[name] for name in _MISSING] for row in rows])
    done = (
        "were forgotten" if apply else "could be forgotten; nothing was changed (--apply does it)"
    )
    say.note(f"{len(rows)} files, {len(found.media)} media that lie nowhere else: {done}.")


def _missing(one: Missing) -> dict[str, Any]:
    since = one.missing_since.isoformat(timespec="seconds")
    media = media_id(one.media) if one.media else None
    return {"library": one.source, "media": media, "since": since, "bytes": one.size_bytes}


def opened_pipeline(stack: ExitStack) -> Pipeline:
    """A pipeline over the home, until the stack is closed; raises `Failed(NO_STORE)`."""
    settings = Settings.load()
    home = existing_home(settings)
    worker = stack.enter_context(Worker(grace_s=settings.grace_s))
    return Pipeline(Store(home, settings), home, settings, worker, this_process("cli"))


def _told(found: Look) -> dict[str, Any]:
    counts = {flaw.value: count for flaw, count in found.counts.items()}
    told = asdict(found) | {"started": found.started.isoformat(), "counts": counts}
    return told | {"findings": [_finding(one) for one in found.findings]}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "flaw": finding.flaw.value,
        "subject": finding.subject,
        "detail": finding.detail,
        "next_step": finding.flaw.next_step,
    }


def _show(found: Look) -> None:
    if found.findings:
        rows = [(one.flaw.value, _short(one.subject), one.detail) for one in found.findings]
        say.table(("flaw", "subject", "detail"), rows)
    for flaw, count in found.counts.items():
        say.note(f"{flaw.value} ({count}): {flaw.next_step}")
    whole = f"{found.hashed} read whole" + (f", {found.unread} not in time" * bool(found.unread))
    say.note(f"{found.rows} files in the store, {found.files} on the disk, {whole}.")
    if not found.findings:
        say.note("All of it fits.")


def _short(subject: str) -> str:
    return subject if "/" in subject else media_id(subject)


def _event(event: Event) -> dict[str, Any]:
    seconds = None if event.seconds is None else round(event.seconds, 3)
    happened = event.happened.isoformat(timespec="milliseconds")
    return asdict(event) | {"happened": happened, "seconds": seconds}
