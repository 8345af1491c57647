"""`backup` and `restore`: all that the files themselves do not tell, put aside and brought back."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from supervisor_assets.cli import say
from supervisor_assets.cli.installation import existing_home
from supervisor_assets.running.watchman import others
from supervisor_core.backup.found_again import (
    FoundAgain,
    Known,
    known_files,
    look_for_files,
    would_find,
)
from supervisor_core.backup.making import back_up
from supervisor_core.backup.restoring import Restored, restore
from supervisor_core.backup.shelf import Backup, drop_old, find_backup, shelf_of
from supervisor_core.clock import utc_now
from supervisor_core.deadline import Worker
from supervisor_core.home import Home
from supervisor_core.media.policy import load_profile
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store, attempts, leases
from supervisor_core.store.lock import hold_file
from supervisor_core.store.owners import pid_here, this_process


def make(to: Path | None, *, as_json: bool) -> None:
    """Makes a backup; in the folder of the settings, old ones go."""
    settings = Settings.load()
    home = existing_home(settings)
    folder = to.absolute() if to else shelf_of(home, settings)
    with say.progress("Backing up"):
        made = back_up(home, settings, folder, utc_now())
        keep = settings.backup_daily, settings.backup_weekly
        dropped = [] if to else drop_old(folder, *keep)
    told = {
        "backup": str(made.backup.path),
        "bytes": made.size_bytes,
        "seconds": round(made.seconds, 3),
        "held_s": round(made.held_s, 3),
        "identifiers_readable": made.readable,
        "dropped": len(dropped),
    }
    if as_json:
        say.data_json(told)
        return
    say.data(say.shown(made.backup.path))
    say.note(f"{made.size_bytes / 1e6:.1f} MB in {made.seconds:.1f} s; {len(dropped)} old went.")
    if not made.readable:
        say.note("Its restricted file was copied as it is: the key is missing or does not fit.")
    say.note("Keep the key somewhere else, and raw/, aside/ and cleaned/ too: docs/backup.md.")


def bring_back(
    word: str, profile: str | None, *, dry_run: bool, identifiers: bool, as_json: bool
) -> None:
    """Restores a backup, and looks for the files that came after it."""
    settings = Settings.load()
    if profile:
        load_profile(profile, settings.profiles_folder or settings.home / "profiles")
    home = settings.open_home()
    backup = find_backup(word, home, settings)
    with ExitStack() as stack:
        worker = stack.enter_context(Worker(grace_s=settings.grace_s))
        stack.enter_context(say.progress("Restoring"))
        if dry_run:
            restored, found = _try(home, settings, backup, worker, identifiers=identifiers)
        else:
            stack.enter_context(_nobody_works(home, settings))
            restored = restore(home, settings, backup, utc_now(), identifiers=identifiers)
            store = Store(home, settings)
            work = Pipeline(store, home, settings, worker, this_process("cli"))
            found = work.do(look_for_files, profile or "")
    told = _told(backup, restored, found, applied=not dry_run)
    if as_json:
        say.data_json(told)
    else:
        _show(told)


def _try(
    home: Home, settings: Settings, backup: Backup, worker: Worker, *, identifiers: bool
) -> tuple[Restored, FoundAgain]:
    seen: list[Known] = []
    restored = restore(
        home,
        settings,
        backup,
        utc_now(),
        identifiers=identifiers,
        peek=lambda connection: seen.append(known_files(connection)),
        dry_run=True,
    )
    return restored, would_find(home, worker, seen[0], utc_now())


@contextmanager
def _nobody_works(home: Home, settings: Settings) -> Iterator[None]:
    """Keeps `up` from starting; raises `Failed(ALREADY_RUNNING)` while it or a run is alive."""
    with hold_file(home.dagster / "up.lock") as ours:
        found = home.root.stat()
        if not ours or others(f"{found.st_dev}.{found.st_ino}"):
            raise Failed(Reason.ALREADY_RUNNING)
        if runs := _alive(home, settings):
            raise Failed(Reason.ALREADY_RUNNING, processes=runs)
        yield


def _alive(home: Home, settings: Settings) -> int:
    """How many processes hold something of the store that is there, if it can be read."""
    owners: set[str] = set()
    if (home.store / "supervisor.duckdb").is_file():
        with suppress(Failed), Store(home, settings).read() as connection:
            unfinished = attempts.unfinished(connection)
            owners = leases.owners(connection) | {one.owner for one in unfinished}
    return len({pid for pid in map(pid_here, owners) if pid is not None})


def _told(backup: Backup, back: Restored, found: FoundAgain, *, applied: bool) -> dict[str, Any]:
    return {
        "backup": str(backup.path),
        "made": backup.made.isoformat(),
        "applied": applied,
        "intakes": back.rows.get("intake", 0),
        "media": back.rows.get("media", 0),
        "identifiers": back.identifiers,
        "configuration": list(back.words),
        "files": asdict(found),
    }


_WORDS = {
    "taken_in": "originals came after the backup: back in the inbox, to be taken in again",
    "links": "links to files of libraries came after it: the next scan finds those files",
    "moved": "originals were put where their row says",
    "thrown": "files that were made after it are in trash/: they are made again",
    "cleaned_again": "media whose cleaned file is gone are cleaned again",
    "releases_lost": "releases are lost: their files are outside no more, or could not be seen",
    "missing": "originals are nowhere: bring their files or disk back",
    "refused": "refused files of later intakes stay in refused/",
}


def _show(told: dict[str, Any]) -> None:
    files = told["files"]
    rows = [("intakes", told["intakes"]), ("media", told["media"])]
    say.table(("restored", "count"), rows)
    for name, words in _WORDS.items():
        if files[name]:
            say.note(f"{files[name]} {words}.")
    for key in files["sessions"]:
        say.note(f"recordings/{key} came after it; take its files in with: ingest")
    for name in told["configuration"]:
        say.note(f"Was gone and came back: {say.shown(name)}")
    if not told["identifiers"]:
        say.note("What was read from pictures did not come back.")
    say.note("Start it with: supervisor-assets up" if told["applied"] else "Nothing was changed.")
