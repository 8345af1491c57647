"""What a backup holds, by the names that its parts have in it, and where each comes from.

Not in it: the key, media of any kind, the logs of single runs, and what is in the environment.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from supervisor_core.home import Home
from supervisor_core.libraries.roots import roots_file
from supervisor_core.sessions.beginning import streams_file
from supervisor_core.settings import Settings

MAIN = "store/supervisor.duckdb"
RESTRICTED = "store/restricted.duckdb"
DAGSTER = (
    "dagster/history/runs.db",
    "dagster/history/runs/index.db",
    "dagster/schedules/schedules.db",
)
WORDS = "config"


def own_words(home: Home, settings: Settings) -> Mapping[str, Path]:
    """Every file that the operator has written, by its name in a backup; never the key."""
    key = settings.restricted_key_file or home.root / "restricted.key"
    found = {}
    for name, place in words_places(home, settings).items():
        for path in _files(place):
            inside = path.relative_to(place).as_posix()
            if not (key.exists() and path.samefile(key)):
                found[f"{WORDS}/{name}" if inside == "." else f"{WORDS}/{name}/{inside}"] = path
    return found


def words_places(home: Home, settings: Settings) -> Mapping[str, Path]:
    """The files and folders in which the operator writes, by their name in a backup."""
    places = {
        "libraries.toml": roots_file(home, settings),
        "streams.toml": streams_file(home, settings),
        "names.txt": settings.names_file or home.root / "names.txt",
        "dagster.yaml": home.dagster / "dagster.yaml",
        "profiles": settings.profiles_folder or home.root / "profiles",
        "masks": settings.masks_folder or home.root / "masks",
        "analyses": settings.analyses_folder or home.root / "analyses",
        "enrichments": settings.enrichments_folder or home.root / "enrichments",
    }
    if settings.recording_plugins_folder:
        places["plugins"] = settings.recording_plugins_folder
    return places


def _files(place: Path) -> Iterator[Path]:
    """A file, or the regular files below a folder; no link inside is followed."""
    if place.is_file():
        yield place
    for folder, _, names in os.walk(place):
        for path in (Path(folder, name) for name in sorted(names)):
            if stat.S_ISREG(path.lstat().st_mode):
                yield path
