"""The inbox sensor over a real inbox, a real store and a Dagster instance."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sensors.uploads import uploads_of
from supervisor_assets.requests import ATTEMPT_TAG
from supervisor_core.home import Home
from supervisor_core.inbox.look import Memory
from supervisor_core.inbox.plan import NewArrival, NewIntake
from supervisor_core.keys import DEFAULT_SOURCE, IntakeKey, fingerprint
from supervisor_core.reasons import Failed
from supervisor_core.settings import Settings
from supervisor_core.states import Arrival
from supervisor_core.store import Store
from supervisor_core.store.arrivals import arrivals_of, find_intake, record_intakes, save


class Inbox:
    """An inbox whose sensor is ticked by hand."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.home = Home.create(folder / "home")
        self.store = Store(self.home, Settings(home=self.home.root))
        self.instance = instance
        self.cursor: str | None = None

    def drop(self, name: str, content: bytes = b"x", age_s: float = 60.0) -> Path:
        path = self.home.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        touch(path, age_s)
        return path

    def tick(self) -> dg.SensorResult:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = uploads_of(str(self.home.root))(context)
        self.cursor = result.cursor
        for request in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions("intake", request.partition_keys)
        return result

    def requested(self) -> list[IntakeKey]:
        return [IntakeKey(request.partition_key) for request in self.tick().run_requests or []]

    def arrivals(self, intake: IntakeKey) -> list:
        with self.store.read() as connection:
            return arrivals_of(connection, intake)


def touch(path: Path, age_s: float) -> None:
    """Sets the mtime back; the ctime can't be, so tests run with a settle time of their own."""
    then = time.time() - age_s
    os.utime(path, (then, then), follow_symlinks=False)


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    monkeypatch.setenv("SUPERVISOR_SETTLE_S", "0")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Inbox(tmp_path, instance)


def test_a_look_at_the_inbox_opens_none_of_dagsters_databases(inbox: Inbox) -> None:
    inbox.drop("a.mp4")
    sensor = uploads_of(str(inbox.home.root))
    with dg.build_sensor_context() as context:  # which has no instance at all
        assert sensor(context).run_requests
    assert sensor.required_resource_keys == set()  # Dagster would open it for any of these


def test_a_dropped_video_becomes_a_recorded_intake_with_one_run(inbox: Inbox) -> None:
    inbox.drop("a.mp4")
    result = inbox.tick()
    (request,) = result.run_requests
    assert request.run_key == f"{request.partition_key}#1"
    assert request.tags[ATTEMPT_TAG] == "1"
    assert inbox.instance.get_dynamic_partitions("intake") == [request.partition_key]
    (arrival,) = inbox.arrivals(request.partition_key)
    assert (arrival.state, arrival.size_bytes) == (Arrival.SEEN, 1)
    assert not inbox.tick().run_requests


def test_nothing_of_a_name_leaves_the_restricted_store(inbox: Inbox) -> None:
    inbox.drop("Erika Mustermann 1960/Magenspiegelung.mp4", age_s=0)
    inbox.drop("Erika Mustermann 1960/Bild.png.part", age_s=0)
    shown = f"{inbox.tick()} {inbox.tick()} {inbox.instance.get_dynamic_partitions('intake')}"
    assert "Mustermann" not in shown
    assert "Magenspiegelung" not in shown
    assert b"Mustermann" not in (inbox.home.store / "supervisor.duckdb").read_bytes()


def test_the_first_folder_chooses_the_profile(inbox: Inbox) -> None:
    inbox.drop("archive/tower/a.mp4")
    inbox.drop("ward/b.mp4")
    profiles = set()
    for key in inbox.requested():
        with inbox.store.read() as connection:
            profiles.add(find_intake(connection, key).profile)
    assert profiles == {"archive", "upload"}


def test_a_tick_asks_for_no_more_than_fifty_and_the_rest_waits(inbox: Inbox) -> None:
    for number in range(120):
        inbox.drop(f"{number}.mp4")
    asked = [len(inbox.requested()) for _ in range(4)]
    assert asked == [50, 50, 20, 0]


def test_a_file_that_is_still_written_waits(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERVISOR_SETTLE_S", "3600")
    path = inbox.drop("a.mp4")
    result = inbox.tick()
    assert not result.run_requests
    assert "1 still being written" in result.skip_reason.skip_message
    path.write_bytes(b"longer")
    assert not inbox.requested()
    monkeypatch.setenv("SUPERVISOR_SETTLE_S", "0")
    (intake,) = inbox.requested()
    assert inbox.arrivals(intake)[0].size_bytes == 6


def test_a_half_written_name_counts_once_it_is_renamed(inbox: Inbox) -> None:
    part = inbox.drop("a.mp4.part")
    assert not inbox.requested()
    part.rename(part.with_suffix(""))
    assert len(inbox.requested()) == 1


def take(inbox: Inbox, intake: IntakeKey, path: Path) -> None:
    """What an import does to a file and its arrival, as far as the sensor can see."""
    path.unlink()
    (arrival,) = inbox.arrivals(intake)
    taken = type(arrival)(**{**vars(arrival), "state": Arrival.IMPORTED})
    with inbox.store.write() as connection:
        save(connection, arrival, taken, inbox.store.now())


def test_a_file_dropped_again_unchanged_comes_in_again(inbox: Inbox) -> None:
    path = inbox.drop("a.mp4")
    status = path.stat()
    (first,) = inbox.requested()
    take(inbox, first, path)
    assert not inbox.requested()
    path.write_bytes(b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    (second,) = inbox.requested()
    assert second != first
    assert not inbox.requested()


def test_a_file_replaced_before_its_run_is_another_arrival(inbox: Inbox) -> None:
    inbox.drop("a.mp4")
    (first,) = inbox.requested()
    inbox.drop("a.mp4", b"other", age_s=30)
    (second,) = inbox.requested()
    assert first != second


def test_links_pipes_and_odd_names_arrive_to_be_refused(inbox: Inbox, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.mp4").write_bytes(b"x")
    os.mkfifo(inbox.home.inbox / "pipe.mp4")
    (inbox.home.inbox / "link.mp4").symlink_to(outside / "secret.mp4")
    (inbox.home.inbox / "folder").symlink_to(outside)
    (inbox.home.inbox / os.fsdecode(b"\xff\n'.mp4")).write_bytes(b"x")
    keys = inbox.requested()
    assert sum(len(inbox.arrivals(key)) for key in keys) == 4
    assert not inbox.requested()


def test_an_inbox_that_is_gone_is_an_error_and_no_empty_one(inbox: Inbox) -> None:
    inbox.drop("a.mp4")
    closed = inbox.home.inbox.rename(inbox.home.root / "elsewhere")
    inbox.home.inbox.write_bytes(b"")
    with pytest.raises((Failed, OSError)):
        inbox.tick()
    inbox.home.inbox.unlink()
    closed.rename(inbox.home.inbox)
    assert len(inbox.requested()) == 1


def test_a_quiet_inbox_opens_no_store(inbox: Inbox) -> None:
    inbox.drop("a.mp4")
    inbox.tick()
    inbox.tick()
    stores = inbox.home.store.rename(inbox.home.root / "stores elsewhere")
    assert "nothing new" in inbox.tick().skip_reason.skip_message
    assert not list(inbox.home.store.iterdir())
    inbox.home.store.rmdir()
    stores.rename(inbox.home.store)


def test_a_lost_or_foreign_cursor_costs_nothing_but_a_look(inbox: Inbox) -> None:
    inbox.drop("a.mp4")
    assert len(inbox.requested()) == 1
    for cursor in (None, "", "{", '{"digest": 3, "more": 1}', "[]"):
        inbox.cursor = cursor
        assert not inbox.requested()
    assert Memory.parse(inbox.cursor).digest


@pytest.mark.parametrize(
    ("folders", "limit_s"), [(10, 0.6), pytest.param(100, 2.0, marks=pytest.mark.campaign)]
)
def test_a_tick_over_so_many_thousand_known_files_takes_no_longer(
    inbox: Inbox, folders: int, limit_s: float
) -> None:
    known = []
    for folder in range(folders):
        place = inbox.home.inbox / f"{folder}"
        place.mkdir()
        files = []
        for number in range(1000):
            path = place / f"{number}.png"
            path.touch()
            status = path.lstat()
            name = f"{folder}/{number}.png"
            key = fingerprint(DEFAULT_SOURCE, name, 0, status.st_mtime_ns)
            files.append(NewArrival(key, name, 0, status.st_mtime_ns))
        known.append(
            NewIntake(IntakeKey(f"20260101_{folder:010}"), "upload", "stills", tuple(files))
        )
    record_intakes(inbox.store, known)
    # The processor's time, not the wall's: other work on the machine is not the tick's.
    seconds = []
    for _ in range(3):
        inbox.cursor = None
        started = time.process_time()
        assert not inbox.tick().run_requests
        seconds.append(time.process_time() - started)
    assert min(seconds) < limit_s
    inbox.drop("new.mp4")
    assert len(inbox.requested()) == 1
    shutil.rmtree(inbox.home.inbox)
