"""What `doctor` says of the folders that are libraries: there, and the same as ever.

Folders are looked at in a child: a disk of another machine may never answer.
"""

from pathlib import Path

from supervisor_assets.cli.findings import Finding, State, fine
from supervisor_assets.cli.installation import store_as_it_is
from supervisor_core.deadline import DeadlineExceeded, Worker
from supervisor_core.home import Home
from supervisor_core.libraries.marker import Mark, find_mark
from supervisor_core.libraries.roots import load_roots, roots_file
from supervisor_core.media.policy import load_profile
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import libraries as table
from supervisor_core.store.libraries import KnownRoot

_TRY_S = 20.0
_MOUNT = "Mount its disk; nothing of it is forgotten meanwhile."


def libraries(settings: Settings, worker: Worker) -> Finding:
    """Every root of libraries.toml is mounted and bears the mark that it had at its last scan."""
    home = Home(settings.home.absolute())
    roots = load_roots(roots_file(home, settings))
    for root in roots.values():
        load_profile(root.profile, settings.profiles_folder or home.root / "profiles")
    known = _known(home, settings, list(roots))
    away, other = [], []
    for name, root in roots.items():
        mark = _mark(root.path, worker)
        if mark is None:
            away.append(name)
        elif (before := known.get(name)) is not None and not before.mark.is_of(mark):
            other.append(name)
    if other:
        said = f"another folder or disk lies in the place of {', '.join(other)}"
        return Finding("libraries", State.FAILED, said, _MOUNT, Reason.LIBRARY_NOT_THERE)
    if away:
        said = f"{', '.join(away)} not there"
        return Finding("libraries", State.FAILED, said, _MOUNT, Reason.LIBRARY_NOT_THERE)
    new = len(roots) - len(known)
    return fine("libraries", f"{len(roots)} there" + (f", {new} not scanned yet" if new else ""))


def _mark(path: Path, worker: Worker) -> Mark | None:
    try:
        return worker.call(find_mark, path, limit_s=_TRY_S)
    except DeadlineExceeded:
        return None
    except Failed as failed:
        if failed.reason is not Reason.LIBRARY_NOT_THERE:
            raise
        return None


def _known(home: Home, settings: Settings, names: list[str]) -> dict[str, KnownRoot]:
    """What the roots were known by at their last scan."""
    if not (home.store / "supervisor.duckdb").is_file():
        return {}
    with store_as_it_is(settings).read() as connection:
        found = {name: table.find_root(connection, name) for name in names}
    return {name: root for name, root in found.items() if root is not None}
