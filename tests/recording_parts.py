"""What the tests of recordings share: orders that do not wait long, and what came of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hls_server import GROUP, RATE, TOKEN, Live, numbers_in

from supervisor_core.recording.pieces import Limits
from supervisor_core.recording.recorder import Recorder
from supervisor_core.recording.results import Order, Recording
from supervisor_core.recording.source import Opening, address_of

WAIT_S = 30.0


def order(live: Live, folder: Path, groups: int = 10_000, **changed: Any) -> Order:
    """Records a live stream into segments of so many groups of pictures."""
    address = address_of(live.url)
    assert address
    opening = Opening(address, connect_s=5.0, silence_s=20.0)
    quick = {"stall_s": 30.0, "heartbeat_s": 0.1, "retry_first_s": 0.05, "gone_s": 3.0}
    limits = Limits(length_s=groups * GROUP / RATE)
    return Order(opening, folder, limits=limits, **{**quick, **changed})


def record(live: Live, folder: Path, groups: int = 10_000, **changed: Any) -> Recording:
    return Recorder(order(live, folder, groups, **changed)).run()


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
def running(order_: Order) -> Iterator[Running]:
    """Records until it has ended, which the end of the block waits for."""
    run = Running(Recorder(order_))
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


def paths_of(recording: Recording) -> list[Path]:
    return [segment.closed.path for segment in recording.segments]


def numbers_recorded(recording: Recording) -> list[int]:
    return numbers_in(paths_of(recording))


def holds_a_secret(folder: Path) -> bool:
    """True when an address or its token stands in a log of a recording."""
    logs = b"".join(path.read_bytes() for path in folder.glob("source.log*"))
    return TOKEN.encode() in logs or b"127.0.0.1" in logs
