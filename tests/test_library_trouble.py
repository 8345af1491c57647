"""A library that changes, vanishes or lies while it is imported; runs that die in the midst."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from all_steps import take_through
from library_parts import Shelf, counts, deadly_visit, library_house, links, readable, states
from pipeline_parts import House
from store_builders import start_python

from supervisor_core.deadline import Worker
from supervisor_core.libraries.marker import MARKER
from supervisor_core.pipeline import visiting
from supervisor_core.pipeline.context import Caller
from supervisor_core.pipeline.tools import Tools
from supervisor_core.reasons import Reason
from supervisor_core.states import Arrival as State
from supervisor_core.store import libraries

STRIKES = [f"store.{when}_commit:kill:{nth}" for when in ("before", "after") for nth in (1, 2, 3)]
RUN = """
import sys
from pathlib import Path
from all_steps import take_through
from library_parts import library_house
from supervisor_core.keys import IntakeKey
take_through(library_house(Path(sys.argv[1])).pipeline, IntakeKey(sys.argv[2]))
"""


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(library_house(tmp_path))


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as warm:
        yield warm


class Meddling:
    """Calls in this process; something happens to the library at a call."""

    def __init__(self, at: int, deed: Any, after: bool = False) -> None:
        self._left, self._deed, self._after = at, deed, after

    def call(self, function: Any, /, *args: Any, **_: Any) -> Any:
        self._left -= 1
        if not self._left and not self._after:
            self._deed()
        result = function(*args)
        if not self._left and self._after:
            self._deed()
        return result


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call for each file."""
    monkeypatch.setattr(visiting, "_AT_ONCE", 1)


def meddled(tmp_path: Path, caller: Caller) -> Shelf:
    shelf = Shelf(library_house(tmp_path, worker=caller))
    for number in range(4):
        shelf.draw(f"{number}.png", number)
    return shelf


@pytest.mark.usefixtures("one_by_one")
def test_a_file_that_changes_before_it_is_visited_is_another(tmp_path: Path) -> None:
    caller = Meddling(2, lambda: shelf.draw("1.png", 9))
    shelf = meddled(tmp_path, caller)
    (key,) = shelf.take_in()
    assert states(shelf, key)[1] == (State.REFUSED, Reason.FILE_CHANGED)
    assert (shelf.path / "1.png").exists()
    assert len(shelf.take_in()) == 1
    assert counts(shelf.scan()) == {"unchanged": 4}


@pytest.mark.usefixtures("one_by_one")
def test_a_root_that_vanishes_in_the_middle_makes_its_files_wait(tmp_path: Path) -> None:
    away = tmp_path / "away"
    caller = Meddling(3, lambda: shelf.path.rename(away))
    shelf = meddled(tmp_path, caller)
    (key,) = shelf.scan().intakes
    report = shelf.house.pipeline.import_items(key)
    assert (report.imported, report.waiting) == (2, {Reason.LIBRARY_NOT_THERE: 2})
    shelf.path.mkdir()  # an empty mount point
    assert shelf.house.pipeline.import_items(key).waiting == {Reason.LIBRARY_NOT_THERE: 2}
    shelf.path.rmdir()
    away.rename(shelf.path)
    assert shelf.house.pipeline.import_items(key).imported == 2
    assert (shelf.path / MARKER).exists()


@pytest.mark.parametrize("name", ["way/secret.png", "../secret.png", "link.png"])
def test_nothing_outside_the_root_is_ever_opened(shelf: Shelf, name: str) -> None:
    secret = shelf.house.folder / "secret.png"
    shelf.draw("../secret.png", 5)
    inside = shelf.path / "way"
    inside.mkdir()
    shelf.draw("way/secret.png", 5)
    shelf.draw("link.png", 6)
    os.utime(shelf.path / "way/secret.png", ns=(5, 5))
    (key,) = shelf.scan().intakes
    # After the scan the folder, or the file, becomes a link out of the root.
    shutil.rmtree(inside)
    inside.symlink_to(shelf.house.folder)
    (shelf.path / "link.png").unlink()
    (shelf.path / "link.png").symlink_to(secret)
    os.utime(secret, ns=(5, 5))
    if name.startswith(".."):
        from supervisor_core.store import names as names_table

        with shelf.house.store.restricted() as connection:
            connection.execute(
                "UPDATE arrival_name SET relative_path = ?", [names_table.escape(name)]
            )
    report = shelf.house.pipeline.import_items(key)
    assert report.refused == {Reason.NOT_A_FILE: 2}
    assert links(shelf) == {}


@pytest.mark.campaign
def test_a_file_that_kills_its_reader_is_refused_in_the_end_and_takes_nobody_with_it(
    tmp_path: Path, worker: Worker
) -> None:
    shelf = Shelf(House(tmp_path, worker=worker, tools=Tools(visit=deadly_visit)))
    for number, name in enumerate(("a.jpg", "deadly.jpg", "z.jpg")):
        shelf.draw(name, number)
    before = shelf.state()
    (key,) = shelf.scan().intakes
    report = shelf.house.pipeline.import_items(key)
    assert (report.imported, report.waiting) == (2, {Reason.WORKER_CRASHED: 1})
    assert shelf.house.pipeline.import_items(key).again
    assert shelf.house.pipeline.import_items(key).refused == {Reason.WORKER_CRASHED: 1}
    assert shelf.state() == before


@pytest.mark.campaign
@pytest.mark.parametrize("strike", [*STRIKES, "publish.renamed"])
def test_a_run_that_dies_leaves_the_library_as_it_was(shelf: Shelf, strike: str) -> None:
    for number in range(3):
        shelf.draw(f"{number}.png", number)
    shelf.put("bad.png", "no picture")
    before = shelf.state()
    (key,) = shelf.scan().intakes
    here = f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    died = start_python(RUN, shelf.house.folder, key, SUPERVISOR_FAULT=strike, PYTHONPATH=here)
    died.communicate(timeout=100)
    assert died.returncode in (-9, 0)
    assert shelf.state() == before
    shelf.house.clock.turn(3600)
    take_through(shelf.house.pipeline, key)
    assert [state for state, _ in states(shelf, key)] == [State.IMPORTED] * 3 + [State.REFUSED]
    assert len(readable(shelf, key)) == 3
    assert shelf.state() == before
    assert not list(shelf.house.home.work.iterdir())
    with shelf.house.store.read() as connection:
        assert len(libraries.events_of(connection, "photos")) == 8
