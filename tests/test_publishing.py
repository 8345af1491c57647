"""What `up` does for readers: a copy each second, and who watches is told when none comes."""

import fcntl
import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from store_builders import NOON, settings_for
from up_parts import free_port, until

from supervisor_assets.cli import health
from supervisor_assets.running import publishing
from supervisor_assets.running.publishing import Publishing, published
from supervisor_core.canary.outcome import Flight, Health
from supervisor_core.reasons import Reason
from supervisor_core.store import Store, requests
from supervisor_core.store.requests import Verb
from supervisor_core.store.service import landed


def flown(folder: Path, **changes: object) -> Store:
    """A store whose canary has just come through."""
    settings = settings_for(folder, **changes)
    store = Store(settings.open_home(), settings)
    with store.write() as connection:
        landed(connection, Flight(Health.HEALTHY, None, 8.0), store.now())
    return store


def told(store: Store, copy: Publishing) -> dict[str, Any]:
    port = free_port()
    settings = settings_for(store.home.root.parent)
    with health.served(store.home, settings, "127.0.0.1", port, None, copy):
        address = f"http://127.0.0.1:{port}/health"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)


def wishes(copy: Publishing) -> int:
    with copy.place.read() as connection:
        return connection.execute("SELECT count(*) FROM request").fetchone()[0]


def test_what_is_written_can_be_read_in_the_copy_soon(tmp_path: Path) -> None:
    store = flown(tmp_path)
    with published(store.home, settings_for(tmp_path)) as copy:
        assert until(lambda: copy.copies, 30)
        with store.write() as connection:
            requests.ask(connection, Verb.INGEST, "x", "me", NOON)
        assert until(lambda: wishes(copy) == 1, 30)
        assert copy.last.held_s < copy.last.seconds
        assert told(store, copy)["copy"]["reason"] is None
    seen_ns = copy.place.look().shows_ns
    with store.write() as connection:
        requests.ask(connection, Verb.INGEST, "y", "me", NOON)
    assert wishes(copy) == 1
    assert copy.place.look().shows_ns == seen_ns


def test_a_copy_that_ages_makes_the_service_degraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_WAIT_S", 0.05)
    store = flown(tmp_path)
    copy = Publishing(store.home, settings_for(tmp_path))
    assert copy.publish()
    with store.write() as connection:
        requests.ask(connection, Verb.INGEST, "x", "me", NOON)
    with (store.home.store / "main.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert copy.publish() is None
    assert (copy.failures, copy.reason) == ({Reason.STORE_BUSY: 1}, Reason.STORE_BUSY)
    assert told(store, copy)["health"] == "healthy"
    monkeypatch.setattr(publishing, "LATE_S", 0.0)
    said = told(store, copy)
    assert (said["health"], said["reason"]) == ("degraded", "STORE_BUSY")
    assert said["copy"]["age_s"] >= 0
    monkeypatch.setattr(copy, "reason", None)  # the thread hangs
    assert told(store, copy)["reason"] == "TIMEOUT"
    monkeypatch.setattr(publishing, "LATE_S", 60.0)
    assert copy.publish()
    assert told(store, copy)["health"] == "healthy"


def test_a_disk_that_is_full_from_the_beginning_is_told(tmp_path: Path) -> None:
    store = flown(tmp_path)
    copy = Publishing(store.home, settings_for(tmp_path, reserve_bytes=1 << 60))
    assert copy.publish() is None
    said = told(store, copy)
    assert (said["health"], said["reason"]) == ("degraded", "DISK_FULL")
    assert said["copy"] == {"age_s": None, "reason": "DISK_FULL"}


def test_the_more_a_copy_costs_the_longer_is_the_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = flown(tmp_path)
    copy = Publishing(store.home, settings_for(tmp_path))
    assert copy.publish()
    assert copy.pause_s == publishing.EVERY_S
    monkeypatch.setattr(copy._publisher, "last", publishing.Taken(0.5, 1.5, 3.0, 1, 1))
    assert copy.pause_s == 6.0


def test_neither_publishing_nor_up_itself_loads_the_orchestrator() -> None:
    check = "import sys, supervisor_assets.cli.up; assert 'dagster' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
