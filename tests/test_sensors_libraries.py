"""The sensor of libraries: each root in turn, one that is not there stops no other."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from library_parts import Shelf, library_house

from sensors.libraries import libraries_of
from supervisor_core.store import libraries
from supervisor_core.store.arrivals import find_intake


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERVISOR_SETTLE_S", "0")


def tick(home: Path, instance: dg.DagsterInstance) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance)
    return libraries_of(str(home))(context)


def test_no_library_is_no_work(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    assert not tick(tmp_path / "home", instance).run_requests
    assert not list((tmp_path / "home" / "store").iterdir())


def test_what_is_new_becomes_runs_whatever_the_other_library_is_like(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    house = library_house(tmp_path)
    gone = Shelf(house, name="away", folder="away")
    gone.path.rmdir()
    bad = Shelf(house, "no-such-profile", "bad", "bad")
    bad.draw("a.png")
    shelf = Shelf(house)
    shelf.draw("a.png")
    shelf.put("film.mp4", "film")
    result = tick(house.home.root, instance)
    keys = [str(request.partition_key) for request in result.run_requests or []]
    assert len(keys) == 2
    assert result.dynamic_partitions_requests
    with house.store.read() as connection:
        found = [find_intake(connection, key) for key in keys]
        looked_at = set(libraries.last_scans(connection))
    assert {one.source for one in found if one} == {"photos"}
    assert looked_at == {"away", "photos"}
    again = tick(house.home.root, instance)
    assert not again.run_requests
    assert "LIBRARY_NOT_THERE" in str(again.skip_reason)
    assert "UNKNOWN_PROFILE" in str(again.skip_reason)
    assert str(tmp_path) not in str(again.skip_reason)
