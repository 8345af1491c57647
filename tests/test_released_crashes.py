"""A run that dies while released files are put out or taken away, and the next one.

Whatever happens, nothing stays out that is not released, and nothing is lost on the way.
"""

import hashlib
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipeline_parts import TOOLS, House, Inline
from release_parts import (
    ANNA,
    cleaned_bytes,
    decide,
    media_of,
    outside,
    put,
    readable,
    release,
    rows,
    standing,
    waiting,
    withdraw,
)

from supervisor_core.cleaning.job import Job
from supervisor_core.deadline import Worker
from supervisor_core.faults import RELEASE_POINTS, VARIABLE, start_over
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline.child import Made
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import looks, reviews
from supervisor_core.store.looks import Glance

OUT = ["release.intended", "release.placed", "publish.synced", "publish.renamed"]
AWAY = ["release.taken", "publish.synced", "publish.renamed"]


def run(house: House, key: IntakeKey, fault: str) -> int:
    """A run in a process of its own, with a fault planted; by what signal it ended."""
    process = os.fork()
    if process == 0:  # pragma: no cover
        os.environ[VARIABLE] = fault
        start_over()
        with suppress(BaseException):
            put(House(house.folder), key)
        os._exit(0)
    return os.WTERMSIG(os.waitpid(process, 0)[1])


def filled(folder: Path) -> tuple[House, IntakeKey, MediaKey]:
    house = House(folder)
    key = house.arrive("one")
    house.clean(key)
    (media,) = media_of(house, key)
    release(house, media)
    return house, key, media


def test_every_point_is_walked() -> None:
    assert set(OUT + AWAY) >= RELEASE_POINTS


@pytest.mark.parametrize(
    ("fault", "still"),
    [
        ("release.placed", False),
        ("publish.renamed", True),
        *(pytest.param(fault, True, marks=pytest.mark.campaign) for fault in OUT),
        *(pytest.param(fault, False, marks=pytest.mark.campaign) for fault in OUT),
    ],
)
def test_what_was_being_put_out_is_there_whole_or_gone(
    tmp_path: Path, fault: str, still: bool
) -> None:
    house, key, media = filled(tmp_path)
    assert run(house, key, fault) == signal.SIGKILL
    if not still:
        withdraw(house, media)
    house.clock.turn(3600)
    assert waiting(house) == [key]
    put(house, key)
    expected = cleaned_bytes(house, media) if still else []
    assert list(outside(house.home.released).values()) == expected
    assert waiting(house) == []
    assert not standing(house, key).unreleased
    assert house.files("cleaned") == ["frame_level of one"]


@pytest.mark.parametrize(
    "fault",
    ["release.taken", *(pytest.param(fault, marks=pytest.mark.campaign) for fault in AWAY)],
)
def test_what_was_being_taken_away_is_gone_and_kept_in_the_trash(
    tmp_path: Path, fault: str
) -> None:
    house, key, media = filled(tmp_path)
    put(house, key)
    withdraw(house, media)
    assert run(house, key, fault) == signal.SIGKILL
    house.clock.turn(3600)
    assert waiting(house) == [key]
    put(house, key)
    assert outside(house.home.released) == {}
    assert set(house.files("trash")) == {"frame_level of one"}
    assert waiting(house) == []


def test_a_child_that_dies_while_it_copies_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, key, media = filled(tmp_path)
    monkeypatch.setenv(VARIABLE, "publish.synced")
    with Worker() as worker:
        house.worker = worker
        assert put(house, key).waiting == {Reason.WORKER_CRASHED: 1}
    monkeypatch.delenv(VARIABLE)
    assert list(outside(house.home.released)) == [f"{rows(house, key)[0].name}.part"]
    withdraw(house, media)
    house.worker = Inline()
    house.clock.turn(3600)
    put(house, key)
    assert outside(house.home.released) == {}


class Desk:
    """People, new versions of the cleaning and runs, in any order."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.key = self.house.arrive("one", "two")
        self.house.clean(self.key)
        self.media = media_of(self.house, self.key)
        self.version = 1
        self.let_out: set[str] = set()

    def do(self, act: str, item: int) -> None:
        house, media = self.house, self.media[item]
        if act == "run":
            put(house, self.key)
        elif act in ("again", "anew"):
            self.version += act == "anew"
            house.tools = replace(TOOLS, code_version=str(self.version), clean=_clean[act])
            house.pipeline.send_back(self.key, everything=True)
            house.clean(self.key)
        elif act == "look":
            glance = Glance(media, readable(house, media).sha256, ANNA, house.clock())
            with house.store.write() as connection:
                looks.add(connection, [glance])
        elif act == "release":
            sha256 = readable(house, media).sha256
            with suppress(Failed), house.store.write() as connection:
                reviews.release(connection, media, sha256, ANNA, house.clock())
        elif act == "withdraw":
            withdraw(house, media)
        else:
            decide(house, getattr(reviews, act), media)

    def check(self, *, after_run: bool) -> None:
        """What lies outside is what is let out; before a run, what was at the last one."""
        with self.house.store.read() as connection:
            now = {one.sha256 for one in reviews.released(connection, self.media)}
        found = outside(self.house.home.released)
        hashes = [hashlib.sha256(content).hexdigest() for content in found.values()]
        if after_run:
            assert sorted(hashes) == sorted(now)
            assert waiting(self.house) == []
            self.let_out = now
        assert set(hashes) == self.let_out
        assert (waiting(self.house) == []) == (now == self.let_out)


def _anew(job: Job) -> Made:
    made = TOOLS.clean(job)
    content = job.destination.read_bytes() + os.urandom(4).hex().encode()
    job.destination.write_bytes(content)
    return replace(made, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


_clean = {"again": TOOLS.clean, "anew": _anew}
ACTS = ["look", "release", "hold", "reject", "reopen", "withdraw", "again", "anew", "run"]
# Mostly what a person does first, so that much is let out.
STEPS = st.lists(
    st.tuples(st.sampled_from([*ACTS, "look", "release", "run", "run"]), st.integers(0, 1)),
    min_size=10,
    max_size=20,
)


def walk(folder: Path, steps: Sequence[tuple[str, int]]) -> None:
    with TemporaryDirectory(dir=folder) as place:
        desk = Desk(Path(place))
        for act, item in steps:
            desk.do(act, item)
            desk.check(after_run=act == "run")


FEW = settings(
    max_examples=1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FEW
@given(STEPS)
def test_what_lies_outside_is_what_is_let_out(
    tmp_path: Path, steps: Sequence[tuple[str, int]]
) -> None:
    walk(tmp_path, steps)


@pytest.mark.campaign
@settings(FEW, max_examples=60)
@given(STEPS)
def test_what_lies_outside_is_what_is_let_out_in_many_orders(
    tmp_path: Path, steps: Sequence[tuple[str, int]]
) -> None:
    walk(tmp_path, steps)
