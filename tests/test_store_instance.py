"""What is kept between two transactions: a DuckDB that holds nothing, for one thread at a time."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from store_builders import open_store

from supervisor_core.reasons import Failed
from supervisor_core.store import Store

ADD = "INSERT INTO audit VALUES ('x', now(), '', '', '', '{}')"
COUNT = "SELECT count(*) FROM audit"


def held_files(folder: Path) -> set[str]:
    """What this process has open below a folder."""
    opened = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            opened.add(str(descriptor.readlink()))
        except FileNotFoundError:
            continue
    return {name for name in opened if name.startswith(str(folder))}


def count(store: Store) -> int:
    with store.read() as connection:
        return connection.execute(COUNT).fetchone()[0]


def add(store: Store) -> None:
    with store.write() as connection:
        connection.execute(ADD)


def test_between_two_transactions_nothing_is_open_and_no_log_is_left(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for door in (store.read, store.write, store.restricted):
        with door() as connection:
            connection.execute("FROM range(100000)").fetchone()  # and never the rest
            assert held_files(tmp_path)
        assert not held_files(tmp_path)
    assert not list(store.home.store.glob("*.wal"))


def test_an_error_in_one_transaction_does_not_reach_the_next(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    add(store)
    for door in (store.read, store.write, store.restricted):
        with pytest.raises(Failed), door() as connection:
            connection.execute("SELECT * FROM nowhere")
        assert not held_files(tmp_path)
    add(store)
    assert count(store) == 2


def test_what_one_transaction_leaves_in_memory_ends_with_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.write() as connection:
        connection.execute("CREATE TEMP TABLE mine AS SELECT 1")
    with pytest.raises(Failed), store.read() as connection:
        connection.execute("SELECT * FROM mine")


def test_two_threads_read_at_the_same_time(tmp_path: Path) -> None:
    store, found = open_store(tmp_path), []
    add(store)
    with store.read() as connection:
        other = threading.Thread(target=lambda: found.append(count(store)))
        other.start()
        other.join(timeout=60)
        assert found == [1]
        assert connection.execute(COUNT).fetchone() == (1,)
    add(store)
    assert count(store) == 2


def test_threads_that_read_and_write_lose_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    threads = [
        threading.Thread(target=lambda: [(add(store), count(store)) for _ in range(10)])
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(store) == 30


def test_a_fork_works_on_its_own(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    add(store)
    child = os.fork()
    if not child:
        _work_and_exit(store)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    add(store)
    assert count(store) == 3


def _work_and_exit(store: Store) -> None:
    code = 1
    try:
        add(store)
        code = int(count(store) != 2)
    finally:
        os._exit(code)


def test_two_homes_in_one_process_are_not_mixed_up(tmp_path: Path) -> None:
    first, second = open_store(tmp_path / "first"), open_store(tmp_path / "second")
    for _ in range(2):
        add(first)
        assert (count(first), count(second)) != (count(second), count(first))
    assert (count(first), count(second)) == (2, 0)


def test_a_file_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    shutil.copytree(store.home.store, tmp_path / "backup")
    add(store)
    shutil.rmtree(store.home.store)
    shutil.copytree(tmp_path / "backup", store.home.store)
    assert count(store) == 0


def test_a_folder_with_quotes_and_links_in_its_name_is_one_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "it's [1] *, a 'home'").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "it's [1] *, a 'home'")
    store = open_store(tmp_path / "link")
    add(store)
    with store.restricted() as connection:
        connection.execute("INSERT INTO arrival_name VALUES ('a', 'b')")
    assert count(open_store(tmp_path / "it's [1] *, a 'home'")) == 1


def test_one_file_can_not_reach_the_other(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.restricted():
        pass
    for door, other in ((store.write, "restricted"), (store.restricted, "supervisor")):
        path = store.home.store / f"{other}.duckdb"
        for attempt in (f"ATTACH '{path}' AS other", "SET lock_configuration = false"):
            with pytest.raises(Failed), door() as connection:
                connection.execute(attempt)
