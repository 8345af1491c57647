"""The published copy: of one moment, whoever writes or dies, and it stays when all else fails."""

import fcntl
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb
import pytest
from store_builders import NOON, open_store, start_python

from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import Store, publishing, requests
from supervisor_core.store.published import PublishedStore
from supervisor_core.store.publishing import Publisher
from supervisor_core.store.requests import Verb

# Each transaction adds as many wishes to one table as deeds to the other.
WRITER = """
import sys
from pathlib import Path
from supervisor_core.settings import Settings
from supervisor_core.store import Store
settings = Settings(home=Path(sys.argv[1]), store_wait_s=60)
store, number = Store(settings.open_home(), settings), 0
while not (Path(sys.argv[1]) / "enough").exists():
    with store.write() as connection:
        connection.execute("INSERT INTO request SELECT uuid(), 'ingest', 'x', '{}', 'me', 'queued',"
            " NULL, now(), now() FROM range(3)")
        connection.execute("INSERT INTO audit SELECT uuid(), now(), 'me', 'ask', 'x', '{}'"
            " FROM range(3)")
    number += 1
    print(number, flush=True)
"""
COUNTS = """
    SELECT (SELECT count(*) FROM request), (SELECT count(*) FROM audit), transactions FROM ledger
"""


def ask(store: Store, subject: str) -> None:
    with store.write() as connection:
        requests.ask(connection, Verb.INGEST, subject, "me", NOON)


def subjects(copy: PublishedStore) -> set[str]:
    with copy.read() as connection:
        return {row[0] for row in connection.execute("SELECT subject FROM request").fetchall()}


def reason_of(publisher: Publisher) -> Reason | None:
    try:
        publisher.publish()
    except Failed as failed:
        return failed.reason
    return None


@contextmanager
def writers(home: Home, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that write all the time, each with a first transaction behind it."""
    begun = [start_python(WRITER, home.root) for _ in range(count)]
    try:
        for process in begun:
            assert process.stdout.readline() == "1\n"
        yield begun
    finally:
        (home.root / "enough").touch()
        for process in begun:
            process.communicate(timeout=60)


def test_every_copy_is_of_one_moment_while_four_write_and_one_is_killed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    publisher, seen = Publisher(store.home, wait_s=60), []
    with writers(store.home, 4) as processes:
        for number in range(12):
            if number == 3:
                processes[0].kill()
            publisher.publish()
            with publisher.place.read() as connection:
                wishes, deeds, transactions = connection.execute(COUNTS).fetchone()
            assert wishes == deeds
            assert wishes % 3 == 0
            seen.append(transactions)
    assert seen == sorted(seen)
    assert len(set(seen)) > 6
    publisher.publish()
    with publisher.place.read() as copy, store.read() as connection:
        assert copy.execute(COUNTS).fetchone() == connection.execute(COUNTS).fetchone()


@pytest.mark.parametrize("point", ["store.before_commit:4", "store.after_commit:4"])
def test_what_a_killed_writer_had_committed_is_in_the_copy_and_nothing_else(
    tmp_path: Path, point: str
) -> None:
    store = open_store(tmp_path)
    ask(store, "before")
    killed = start_python(WRITER, store.home.root, SUPERVISOR_FAULT=point)
    assert killed.communicate(timeout=60)[0].split()[-1] == "3"
    assert killed.returncode == -signal.SIGKILL
    log = store.home.store / "supervisor.duckdb.wal"
    assert log.exists() == ("after" in point)  # there is something to take in
    publisher = Publisher(store.home)
    publisher.place.folder.mkdir()
    for left in ("published.part", "published.part.wal"):  # by a publisher that was killed
        (publisher.place.folder / left).write_bytes(b"half")
    publisher.publish()
    with publisher.place.read() as connection:
        wishes, deeds, _ = connection.execute(COUNTS).fetchone()
    assert (wishes - 1, deeds) == ((12, 12) if "after" in point else (9, 9))
    assert sorted(path.suffix for path in publisher.place.folder.iterdir()) == [
        ".duckdb",
        ".lock",
        ".seen",
        ".turnstile",
    ]


def test_who_reads_goes_on_with_his_copy_while_newer_ones_come(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    publisher = Publisher(store.home)
    ask(store, "one")
    publisher.publish()
    with publisher.place.read() as former:
        ask(store, "two")
        publisher.publish()
        newer: list[set[str]] = []
        thread = threading.Thread(target=lambda: newer.append(subjects(publisher.place)))
        thread.start()
        thread.join()
        assert newer == [{"one", "two"}]
        assert former.execute("SELECT subject FROM request").fetchall() == [("one",)]
    assert subjects(publisher.place) == {"one", "two"}


def test_a_copy_is_taken_only_when_something_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path)
    publisher = Publisher(store.home)
    monkeypatch.setattr(publishing, "_SETTLED_NS", 0)
    first = publisher.publish()
    again = publisher.publish()
    assert again.taken_ns == first.taken_ns
    assert again.shows_ns > first.shows_ns
    ask(store, "one")
    assert publisher.publish().taken_ns > first.taken_ns


def test_what_changed_within_a_tick_of_the_clock_is_copied_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path)
    publisher = Publisher(store.home)
    monkeypatch.setattr(publishing, "_SETTLED_NS", 10**18)
    assert publisher.publish().taken_ns < publisher.publish().taken_ns


def test_nobody_else_may_read_the_copy_and_nothing_may_be_written(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.restricted():
        pass
    publisher = Publisher(store.home)
    publisher.publish()
    assert stat.S_IMODE(publisher.place.folder.stat().st_mode) == 0o700
    for path in publisher.place.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "restricted" not in path.name
    with pytest.raises(Failed), publisher.place.read() as connection:
        connection.execute("DELETE FROM request")
    elsewhere = store.home.store / "restricted.duckdb"
    with pytest.raises(Failed), publisher.place.read() as connection:
        connection.execute(f"ATTACH '{elsewhere}' AS other")


def test_the_old_copy_stays_and_ages_while_the_store_is_locked(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    ask(store, "one")
    publisher = Publisher(store.home, wait_s=0.05)
    published = publisher.publish()
    ask(store, "two")
    with (store.home.store / "main.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert reason_of(publisher) is Reason.STORE_BUSY
        assert publisher.place.look() == published
        assert subjects(publisher.place) == {"one"}
    assert published.age_s(published.shows_ns / 1e9 + 7) == pytest.approx(7)
    assert reason_of(publisher) is None
    assert subjects(publisher.place) == {"one", "two"}


def test_a_full_disk_a_missing_and_a_damaged_store_leave_the_old_copy(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    ask(store, "one")
    Publisher(store.home).publish()
    path = store.home.store / "supervisor.duckdb"
    whole = path.read_bytes()
    assert reason_of(Publisher(store.home, reserve_bytes=1 << 60)) is Reason.DISK_FULL
    path.write_bytes(b"x" * len(whole))
    assert reason_of(Publisher(store.home)) is Reason.STORE_DAMAGED
    path.unlink()
    assert reason_of(Publisher(store.home)) is Reason.NO_STORE
    assert subjects(PublishedStore(store.home)) == {"one"}
    path.write_bytes(whole)
    assert reason_of(Publisher(store.home)) is None


def test_an_older_store_in_its_place_is_not_published(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    path = store.home.store / "supervisor.duckdb"
    older = path.read_bytes()
    ask(store, "one")
    path.write_bytes(older)
    assert reason_of(Publisher(store.home)) is Reason.STORE_DAMAGED
    assert PublishedStore(store.home).look() is None


def test_without_a_copy_a_reader_is_told_so_at_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    copy = PublishedStore(store.home)
    with pytest.raises(Failed) as caught, copy.read():
        pass
    assert caught.value.reason is Reason.NOT_PUBLISHED
    Publisher(store.home).publish()
    copy.path.write_bytes(b"half of it")
    with pytest.raises(Failed) as caught, copy.read():
        pass
    assert caught.value.reason is Reason.STORE_DAMAGED


def test_a_former_copy_that_nobody_reads_becomes_the_next_one(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    publisher = Publisher(store.home)
    written, files = [], []
    for number in range(5):
        ask(store, f"{number}")
        publisher.publish()
        written.append(publisher.last.written_bytes)
        files.append(publisher.place.path.stat().st_ino)
        assert subjects(publisher.place) == {f"{one}" for one in range(number + 1)}
    whole = publisher.place.path.stat().st_size
    assert written[0] == whole > max(written[1:])  # of a large store it is a few of hundreds
    assert files[1:3] == files[3:]


def test_after_trouble_with_the_disk_no_copy_is_trusted(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    publisher, path = Publisher(store.home), store.home.store / "supervisor.duckdb"
    for subject in ("one", "two", "three"):
        ask(store, subject)
        publisher.publish()
    assert publisher.last.written_bytes < path.stat().st_size
    away = path.rename(tmp_path / "away")
    assert reason_of(publisher) is Reason.NO_STORE
    away.rename(path)
    ask(store, "four")
    publisher.publish()
    assert publisher.last.written_bytes == path.stat().st_size
    assert list(publisher.place.folder.glob("*former*")) == []
    assert "four" in subjects(publisher.place)


def test_each_reader_keeps_its_own_moment_while_many_copies_come(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    publisher, words = Publisher(store.home), "SELECT count(*) FROM request"
    with ExitStack() as stack:
        readers = []
        for number in range(8):
            ask(store, f"{number}")
            publisher.publish()
            reader = stack.enter_context(duckdb.connect())
            reader.execute(f"ATTACH '{publisher.place.path}' AS store (READ_ONLY); USE store")
            readers.append(reader)
        counts = [reader.execute(words).fetchone()[0] for reader in readers]
    assert counts == list(range(1, 9))
    kept = [path for path in publisher.place.folder.iterdir() if "former" in path.name]
    assert len(kept) == 3


def test_a_process_trusts_no_former_copy_that_it_did_not_make(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    first = Publisher(store.home)
    for subject in ("one", "two", "three"):
        ask(store, subject)
        first.publish()
    (former,) = first.place.folder.glob("*former*")
    torn = bytearray(former.read_bytes())  # heads and sums are there, the rest is not
    torn[20_000:] = b"".join(
        byte if (at - 12_288) % 262_144 < 8 else b"x"
        for at, byte in enumerate((bytes([one]) for one in torn[20_000:]), 20_000)
    )
    former.write_bytes(torn)
    first.place.path.write_bytes(torn)
    again = Publisher(store.home)
    for subject in ("four", "five", "six"):
        ask(store, subject)
        again.publish()
        assert subject in subjects(again.place)
    path = store.home.store / "supervisor.duckdb"
    assert again.place.path.read_bytes() == path.read_bytes()


def test_a_new_copy_takes_the_place_of_the_former_whatever_the_file_system_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, path = tmp_path / "part", tmp_path / "copy"
    for number, exchange in enumerate((1, 1, 2, 64)):  # 64: no flag of any system call
        monkeypatch.setattr(publishing, "_RENAME_EXCHANGE", exchange)
        part.write_text(str(number))
        publishing.put(part, path)
        assert path.read_text() == str(number)
        part.unlink(missing_ok=True)
