"""What the tests of recordings share: orders that do not wait long, and what came of them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from hls_server import GROUP, RATE, TOKEN, Live, numbers_in

from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.gaps import Gap
from supervisor_core.recording.listening import Beat, Listener
from supervisor_core.recording.pieces import Limits
from supervisor_core.recording.recorder import Recorder
from supervisor_core.recording.results import Order, Recording, Segment
from supervisor_core.recording.source import Opening, address_of

WAIT_S = 30.0
_WAYS = {"proxies", "quality", "plugins", "hosts"}


@dataclass(frozen=True)
class Address:
    """A live stream that another process serves."""

    url: str


def order(live: "Live | Address", folder: Path, groups: int = 10_000, **changed: Any) -> Order:
    """Records a live stream into segments of so many groups of pictures."""
    address = address_of(live.url)
    assert address
    ways = {name: changed.pop(name) for name in _WAYS & changed.keys()}
    opening = Opening(address, connect_s=5.0, silence_s=20.0, **ways)
    quick = {
        "stall_s": 30.0,
        "heartbeat_s": 0.1,
        "retry_first_s": 0.05,
        "gone_s": 3.0,
        "edge_s": 1.0,
    }
    limits = Limits(length_s=groups * GROUP / RATE)
    return Order(opening, folder, limits=limits, **{**quick, **changed})


def record(live: Live, folder: Path, groups: int = 10_000, **changed: Any) -> Recording:
    return Recorder(order(live, folder, groups, **changed)).run()


@dataclass
class Heard:
    """Remembers what it hears; raises `Failed(LEASE_LOST)` once `raises` says so."""

    raises: Callable[[Beat], bool] = lambda beat: False
    segments: list[Segment] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def _add(self, kept: list, what: object) -> None:  # type: ignore[type-arg]
        with self.changed:
            kept.append(what)
            self.changed.notify_all()

    def closed(self, segment: Segment) -> None:
        self._add(self.segments, segment)

    def gap(self, gap: Gap) -> None:
        self._add(self.gaps, gap)

    def beat(self, beat: Beat) -> None:
        self._add(self.beats, beat)
        if self.raises(beat):
            raise Failed(Reason.LEASE_LOST)

    def wait_for(self, said: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(said, WAIT_S), "it was not told"


@dataclass
class Running:
    """A recording under way in a thread of its own."""

    recorder: Recorder
    result: list[Recording] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def run(self) -> None:
        try:
            self.result.append(self.recorder.run())
        except BaseException as error:  # noqa: BLE001 - the test's own thread hears of it
            self.errors.append(error)


@contextmanager
def running(order_: Order, listener: Listener | None = None) -> Iterator[Running]:
    """Records until it has ended, which the end of the block waits for."""
    run = Running(Recorder(order_, listener))
    thread = threading.Thread(target=run.run)
    thread.start()
    try:
        yield run
        thread.join(WAIT_S)
    finally:
        run.recorder.stop()
        thread.join(WAIT_S)
    assert not run.errors, run.errors
    assert not thread.is_alive()


def source_of(recorder: int) -> psutil.Process:
    """The process that plays the stream for a recording of this process."""
    for child in psutil.Process(recorder).children():
        if child.status() != psutil.STATUS_ZOMBIE and "recording.source_child" in " ".join(
            child.cmdline()
        ):
            return child
    raise AssertionError("no source runs")


def paths_of(recording: Recording) -> list[Path]:
    return [segment.closed.path for segment in recording.segments]


def numbers_recorded(recording: Recording) -> list[int]:
    return numbers_in(paths_of(recording))


def holds_a_secret(folder: Path) -> bool:
    """True when an address or its token stands in a log of a recording."""
    logs = b"".join(path.read_bytes() for path in folder.glob("source.log*"))
    return TOKEN.encode() in logs or b"127.0.0.1" in logs
