"""`doctor`: looks at the installation, one thing after the other, and says what to do about each.

It makes nothing: a home that is not there yet is only said to be missing.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial

import typer

from supervisor_assets.cli import (
    doctor_alerts,
    doctor_enrichments,
    doctor_gallery,
    doctor_home,
    doctor_keeping,
    doctor_libraries,
    doctor_model,
    doctor_software,
    doctor_streams,
    say,
)
from supervisor_assets.cli.codes import Code
from supervisor_assets.cli.findings import Finding, State, checked, fine
from supervisor_core.deadline import Worker
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings


def run(*, as_json: bool) -> None:
    """Prints every finding; ends with 5 when software is missing, with 1 when else is wrong."""
    with Worker() as worker, say.progress("looking around"):
        found = list(_findings(worker))
    if as_json:
        say.data_json([asdict(one) for one in found])
    else:
        say.table(("check", "state", "found"), [(one.name, one.state, one.said) for one in found])
        for one in found:
            if one.fix:
                say.note(f"{one.name}: {one.fix}")
        say.more(one.reason for one in _worst(found) if one.reason)
    wrong = [one for one in found if one.state is State.FAILED]
    if any(one.reason is Reason.DEPENDENCY_MISSING for one in wrong):
        raise typer.Exit(Code.DEPENDENCY_MISSING)
    if wrong:
        raise typer.Exit(Code.FAILED)


def _worst(found: list[Finding]) -> list[Finding]:
    """What failed, or all where nothing did."""
    return [one for one in found if one.state is State.FAILED] or found


def _findings(worker: Worker) -> Iterator[Finding]:
    begun = doctor_keeping.now()
    checks: dict[str, Callable[[], Finding]] = {
        "system": doctor_software.system,
        "packages": doctor_software.packages,
        "tested versions": doctor_software.constraints,
        "opencv": doctor_software.opencv,
        "codecs": partial(doctor_software.codecs, worker),
        "text models": partial(doctor_software.models, worker),
        "settings": _settings,
    }
    for name, check in checks.items():
        last = checked(name, check)
        yield last
    if last.state is State.OK:
        yield from _findings_at_home(Settings.load(), worker, begun)


def _settings() -> Finding:
    given = Settings.load().model_fields_set
    return fine("settings", f"valid; {len(given)} set in the environment")


def _findings_at_home(
    settings: Settings, worker: Worker, begun: doctor_keeping.Moment
) -> Iterator[Finding]:
    checks: dict[str, Callable[[], Finding]] = {
        "home": partial(doctor_home.folders, settings),
        "disk": partial(doctor_home.disk, settings),
        "locks": partial(doctor_keeping.locks, settings),
        "clock": partial(doctor_keeping.clock, settings, begun),
        "storage": partial(doctor_home.storage, settings),
        "releases": partial(doctor_home.releases, settings, worker),
        "store's shape": partial(doctor_keeping.shape, settings),
        "store": partial(doctor_home.store, settings),
        "restricted store": partial(doctor_home.key, settings),
        "backup": partial(doctor_keeping.backup, settings),
        "profiles": partial(doctor_home.profiles, settings),
        "devices": partial(doctor_home.devices, settings, worker),
        "model server": partial(doctor_model.server, settings, worker),
        "model breaker": partial(doctor_model.breaker, settings),
        "pauses": partial(doctor_model.pauses, settings),
        "analyses": partial(doctor_model.analyses, settings),
        "enrichment questions": partial(doctor_enrichments.questions, settings),
        "enrichment models": partial(doctor_enrichments.models, settings, worker),
        "enrichments": partial(doctor_enrichments.standing, settings),
        "canary": partial(doctor_model.canary, settings),
        "libraries": partial(doctor_libraries.libraries, settings, worker),
        "streams": partial(doctor_streams.configured, settings),
        "recordings": partial(doctor_streams.recordings, settings),
        "alerts": partial(doctor_alerts.alerts, settings),
        "gallery": partial(doctor_gallery.gallery, settings),
        "pools": partial(doctor_keeping.pools, settings),
        "daemon": partial(doctor_home.daemon, settings),
    }
    for name, check in checks.items():
        yield checked(name, check)
