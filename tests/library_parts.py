"""A library beside a home: files are put there, it is scanned, and what was there is compared."""

import hashlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
from all_steps import take_through
from picture_builders import painted
from pipeline_parts import House

from supervisor_core.keys import IntakeKey
from supervisor_core.libraries.roots import Root, enter_root, load_roots, roots_file
from supervisor_core.libraries.scanning import Report, Wish, scan
from supervisor_core.libraries.visit import Order
from supervisor_core.pipeline import places
from supervisor_core.pipeline.child import Examined, visit_files
from supervisor_core.pipeline.tools import Tools
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Arrival
from supervisor_core.store import gate, libraries

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
        file = roots_file(self.house.home, self.house.settings)
        if self.name not in load_roots(file):
            enter_root(file, self.name, self.root)

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

    def draw(self, name: str, seed: int = 0, width: int = 640, height: int = 400) -> Path:
        """Puts a picture there."""
        _, packed = cv2.imencode(Path(name).suffix, painted(seed, width, height))
        return self.put(name, packed.tobytes())

    def take_in(self, **wish: object) -> list[IntakeKey]:
        """Scans, imports and cleans what is new."""
        keys = list(self.scan(**wish).intakes)
        for key in keys:
            take_through(self.house.pipeline, key)
        return keys

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


def library_house(folder: Path, **changes: object) -> House:
    """A house whose pictures are real ones."""
    return House(folder, tools=Tools(), **changes)  # type: ignore[arg-type]


def deadly_visit(orders: Sequence[Order]) -> list[Examined | Failed]:
    """A visit that ends the process which reads a file of this name."""
    if any(order.path.startswith("deadly") for order in orders):
        os.kill(os.getpid(), signal.SIGKILL)
    return visit_files(orders)


def counts(report: Report) -> dict[str, int]:
    """What a scan has counted, without what is none."""
    names = ("new", "changed", "moved", "missing", "back", "unchanged")
    return {name: getattr(report.scan, name) for name in names if getattr(report.scan, name)}


def states(shelf: Shelf, key: IntakeKey) -> list[tuple[Arrival, Reason | None]]:
    return [(item.arrival, item.reason) for item in shelf.house.pipeline.summary(key).items]


def links(shelf: Shelf) -> dict[str, Path]:
    raw = shelf.house.home.raw
    return {path.stem: path.readlink() for path in raw.rglob("*.*") if path.is_symlink()}


def readable(shelf: Shelf, key: IntakeKey) -> list[Path]:
    with shelf.house.store.read() as connection:
        found = gate.readable_of(connection, key)
    return [places.readable_file(shelf.house.home, one) for one in found]
