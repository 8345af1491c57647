"""A library beside a home: files are put there, it is scanned, and what was there is compared."""

import hashlib
import os.path
from dataclasses import dataclass
from pathlib import Path

from pipeline_parts import House

from supervisor_core.libraries.roots import Root
from supervisor_core.libraries.scanning import Report, Wish, scan
from supervisor_core.store import libraries

State = dict[str, tuple[int, int, int, str]]


@dataclass
class Shelf:
    """A root of a house."""

    house: House
    profile: str = "library"
    name: str = "photos"
    folder: str = "photos"

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def path(self) -> Path:
        return Path(os.path.normpath(self.house.folder / self.folder))

    @property
    def root(self) -> Root:
        return Root(path=self.path, profile=self.profile)

    def put(self, name: str, content: bytes | str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def scan(self, **wish: object) -> Report:
        house = self.house
        return scan(
            house.store,
            house.home,
            house.settings,
            self.name,
            self.root,
            Wish(**wish),  # type: ignore[arg-type]
        )

    def events(self) -> list[str]:
        with self.house.store.read() as connection:
            return [event for event, _ in libraries.events_of(connection, self.name)]

    def state(self) -> State:
        """All that lies there, but for the marker: kind, size, time and content."""
        return state_of(self.path)


def state_of(folder: Path) -> State:
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if path.name == ".supervisor-root":
            continue
        if path.is_symlink():
            content = str(path.readlink())
        else:
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        time = 0 if path.is_dir() and not path.is_symlink() else status.st_mtime_ns
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_size, time, content)
    return found


def counts(report: Report) -> dict[str, int]:
    """What a scan has counted, without what is none."""
    names = ("new", "changed", "moved", "missing", "back", "unchanged")
    return {name: getattr(report.scan, name) for name in names if getattr(report.scan, name)}
