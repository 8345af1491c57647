"""`scan`: looks at a library and imports what is new in it."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from supervisor_assets.cli import say
from supervisor_assets.cli.codes import code_of
from supervisor_assets.cli.edge import Usage, warn
from supervisor_assets.cli.installation import daemon_runs
from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey
from supervisor_core.libraries.listing import list_library
from supervisor_core.libraries.roots import (
    Root,
    check_name,
    check_place,
    enter_root,
    free_name,
    load_roots,
    name_of,
    roots_file,
)
from supervisor_core.libraries.scanning import Report, Wish, scan
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store

_COUNTS = ("listed", "new", "changed", "moved", "missing", "back", "unchanged")


def run(
    path: Path,
    source: str | None,
    *,
    accept: bool,
    dry_run: bool,
    later: bool,
    as_json: bool,
) -> None:
    """Scans one folder and imports what is new; what is doubtful changes nothing: exit code 1.

    While a daemon runs, or with `later`, the import is left to it.
    """
    settings = Settings.load()
    home = settings.open_home()
    name, root, entered = find_or_enter(path.absolute(), source, home, settings, dry_run=dry_run)
    with say.progress("scanning") as bar:
        store = Store(home, settings)
        _let_settle(root, settings, bar)
        wish = Wish(accept=accept, dry_run=dry_run, settle_s=settings.settle_s)
        found = scan(store, home, settings, name, root, wish, bar.step)
        open_ones = () if later or dry_run else found.intakes
        stuck = _import(open_ones, home, store, bar)
    if entered and not dry_run:
        say.note(f"Entered this folder into libraries.toml as {name}.")
    imported = bool(open_ones) and stuck is not None
    _tell(found, entered=entered, imported=imported, dry_run=dry_run, as_json=as_json)
    if found.reason:
        warn(found.reason, f"{found.reason}: {found.reason.sentence} {found.reason.next_step}")
        raise typer.Exit(code_of(found.reason))
    _end_if_stuck(stuck or {})


def _import(
    intakes: Sequence[IntakeKey], home: Home, store: Store, bar: say.Bar
) -> dict[IntakeKey, Reason] | None:
    """Imports these here and now, unless a daemon does so: None; why some did not end, if so."""
    if not intakes:
        return None
    # Dagster takes seconds to import.
    from supervisor_assets.cli.runs import Runs, open_quiet_instance

    with open_quiet_instance(home) as instance:
        if daemon_runs(instance):
            return None
        return Runs(instance, store, home, bar).finish_all(intakes)


def _end_if_stuck(stuck: Mapping[IntakeKey, Reason]) -> None:
    for key, reason in stuck.items():
        say.note(f"{key} did not come to its end: {reason}: {reason.sentence} {reason.next_step}")
    if stuck:
        raise typer.Exit(code_of(next(iter(stuck.values()))))


def find_or_enter(
    path: Path, source: str | None, home: Home, settings: Settings, *, dry_run: bool
) -> tuple[str, Root, bool]:
    """The root that this folder is; one that is none yet becomes one, and the last value says so.

    Raises `Usage` for a name that is another root's, `Failed`: LIBRARY_NOT_THERE for no folder,
    BAD_CONFIGURATION for one that overlaps another root or the home.
    """
    file = roots_file(home, settings)
    roots = load_roots(file)
    name = name_of(path, roots)
    if name is not None:
        if source not in (None, name):
            raise Usage(f"This folder is the library {name} already.")
        return name, roots[name], False
    new = check_name(source) if source else free_name(roots)
    if new in roots:
        raise Usage(f"The library {new} is another folder.")
    if not path.is_dir():
        raise Failed(Reason.LIBRARY_NOT_THERE)
    check_place(path, home, roots)
    root = Root(path=path.resolve())
    if not dry_run:
        enter_root(file, new, root)
    return new, root, True


def _let_settle(root: Root, settings: Settings, bar: say.Bar) -> None:
    """Waits once for files that were written a moment ago, so that they need no second scan."""
    try:
        busy = list_library(root.path, settings.settle_s).busy
    except Failed:
        return
    if busy:
        bar.step("waiting")
        time.sleep(settings.settle_s)


def report(found: Report, *, entered: bool, imported: bool) -> dict[str, object]:
    """The object that `--json` prints."""
    reason = found.reason
    return {
        "source": found.scan.source,
        "entered": entered,
        **{name: getattr(found.scan, name) for name in _COUNTS},
        "busy": found.busy,
        "other": found.other,
        "unreadable": found.unreadable,
        "intakes": len(found.intakes),
        "imported": imported,
        "reason": reason.value if reason else None,
        "message": reason.sentence if reason else None,
        "next_step": reason.next_step if reason else None,
    }


def _tell(found: Report, *, entered: bool, imported: bool, dry_run: bool, as_json: bool) -> None:
    told = report(found, entered=entered, imported=imported)
    if as_json:
        say.data_json(told)
        return
    columns = ("source", *_COUNTS, "busy", "other")
    say.table(columns, [[told[name] for name in columns]])
    if found.unreadable:
        say.note(f"{found.unreadable} folders can't be listed; their files are not missed.")
    if imported:
        say.note(f"Imported {len(found.intakes)} intakes; see them with: supervisor-assets status")
    elif found.intakes and not dry_run:
        say.note(
            f"Recorded {len(found.intakes)} intakes. The daemon imports them (supervisor-assets up)"
            "; see how far it is with: supervisor-assets status"
        )
