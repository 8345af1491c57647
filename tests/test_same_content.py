"""The same bytes come in twice at once: one run cleans them, and both intakes come to their end."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from rehearsal import CAST, House, Prompter, Rehearsal, checks, steps
from test_sensors_reconcile import tick

from supervisor_assets import failures
from supervisor_assets.failures import REASON_TAG
from supervisor_assets.requests import ATTEMPT_TAG, CAUSE_TAG
from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.settings import Settings
from supervisor_core.states import Cleaning
from supervisor_core.store.owners import this_process


class First:
    """The run that came first, which holds the item until it is told to go on."""

    def __init__(self, house: House, intake: IntakeKey) -> None:
        self._house, self._intake = house, intake
        self._holds, self._goes_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._holds.wait(10)

    def finish(self) -> None:
        self._goes_on.set()
        self._thread.join(10)

    def call(self, function: Any, /, *args: Any, limit_s: float, **options: Any) -> Any:
        """As a worker: what is called while the item is held waits."""
        self._holds.set()
        assert self._goes_on.wait(60)
        return Prompter().call(function, *args, limit_s=limit_s, **options)

    def _run(self) -> None:
        house, owner = self._house, this_process("run:first")
        work = Pipeline(house.store, house.home, house.settings, self, owner, tools=CAST)
        work.mask(self._intake, Cleaning.FRAME_LEVEL)
        work.verify(self._intake, Cleaning.FRAME_LEVEL)
        work.thumbnails(self._intake)


class Second(Rehearsal):
    """A pipeline that tells when it looks for the third time how the intake stands."""

    def build(self, settings: Settings, worker: Any, owner: str) -> Pipeline:
        looks = iter(range(100))

        class Watched(Pipeline):
            def summary(self, intake: Any) -> Any:
                if next(looks) == 2:  # after `videos` and the first try of `settle`
                    FIRST[0].finish()
                return super().summary(intake)

        home = settings.open_home()
        return Watched(self.open_store(), home, settings, Prompter(), owner, tools=CAST)


FIRST: list[First] = []


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(failures, "SHARED", dg.RetryPolicy(max_retries=3, delay=0.01))
    clock = SimpleNamespace(time=lambda: time.time() + 3600)
    monkeypatch.setattr("sensors.reconcile.time", clock)
    with dg.DagsterInstance.ephemeral() as instance:
        yield House(Home.create(tmp_path / "home"), instance)


def both(house: House) -> tuple[IntakeKey, IntakeKey, First]:
    """Two intakes with the same bytes: a run of the first holds the item, the second begins."""
    content = house.drop("a.mp4").read_bytes()
    (one,) = house.take_in()
    work = Pipeline(house.store, house.home, house.settings, Prompter(), "import", tools=CAST)
    work.import_items(one)
    (house.home.inbox / "b.mp4").write_bytes(content)
    (two,) = house.take_in()
    first = First(house, one)
    first.start()
    return one, two, first


def test_the_second_waits_for_the_first_and_tells_the_truth(house: House) -> None:
    _, two, first = both(house)
    FIRST[:] = [first]
    result = house.run(two, pipeline=Second(home=str(house.home.root)))
    assert result.success
    assert steps(result, "STEP_UP_FOR_RETRY") == ["settle"]
    assert REASON_TAG not in house.instance.get_run_by_id(result.run_id).tags
    assert all(check.passed for check in checks(result).values())
    assert len(list(house.home.cleaned.rglob("*.mp4"))) == 1
    assert not tick(house)


def test_one_that_waited_in_vain_ends_and_is_started_again_once(house: House) -> None:
    _, two, first = both(house)
    result = house.run(two)
    assert not result.success
    assert len(steps(result, "STEP_UP_FOR_RETRY")) == 3
    assert house.instance.get_run_by_id(result.run_id).tags[REASON_TAG] == "ITEM_BUSY"
    first.finish()
    (request,) = [one for one in tick(house) if one.partition_key == two]
    assert (request.tags[CAUSE_TAG], request.tags[ATTEMPT_TAG]) == ("run_failed", "2")
    again = house.run(two)
    assert again.success
    assert all(check.passed for check in checks(again).values())
    assert not [one for one in tick(house) if one.partition_key == two]
