"""What a transaction promises: all or nothing, never over a damaged file, secrets encrypted."""

import shutil
import signal
import stat
from pathlib import Path

import duckdb
import pytest
from store_builders import NOON, key_of, media, open_store, seen, settings_for, start_python

from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import Connection, Store, identifiers
from supervisor_core.store import media as media_table
from supervisor_core.store.arrivals import arrivals_of, known_arrivals, record_arrivals
from supervisor_core.store.identifiers import Identifier

CANARY = "Zaphod Kanarienvogel"


def count(store: Store, table: str) -> int:
    with store.read() as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_an_exception_takes_everything_back(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(ZeroDivisionError), store.write() as connection:
        _add_and_break(connection)
    assert count(store, "media") == 0


def _add_and_break(connection: Connection) -> None:
    media_table.add(connection, [media()], NOON)
    raise ZeroDivisionError


def test_a_reader_can_not_write(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(Failed) as caught, store.read() as connection:
        media_table.add(connection, [media()], NOON)
    assert caught.value.reason is Reason.INTERNAL_ERROR


def test_a_transaction_inside_another_is_told_at_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(Failed) as caught, store.write(), store.read():
        pass
    assert caught.value.reason is Reason.INTERNAL_ERROR
    assert count(store, "media") == 0


def test_what_the_database_says_never_reaches_the_message(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(Failed) as caught, store.read() as connection:
        connection.execute("SELECT CAST(? AS INTEGER)", [CANARY])
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut", "bit"])
@pytest.mark.parametrize("name", ["supervisor.duckdb", "restricted.duckdb"])
def test_a_damaged_file_is_refused_and_left_as_it_is(
    tmp_path: Path, name: str, damage: str
) -> None:
    store = open_store(tmp_path)
    file = seen("a.png")
    record_arrivals(store, key_of(file), "inbox", "upload", [file])
    path = store.home.store / name
    whole = path.read_bytes()
    flipped = whole[:12288] + bytes([whole[12288] ^ 1]) + whole[12289:]
    broken = {"garbage": b"no database" * 99, "empty": b"", "cut": whole[:5000], "bit": flipped}
    path.write_bytes(broken[damage])
    other = seen("b.png")
    with pytest.raises(Failed) as caught:
        record_arrivals(open_store(tmp_path), key_of(other), "inbox", "upload", [other])
    assert caught.value.reason is Reason.STORE_DAMAGED
    assert path.read_bytes() == broken[damage]


@pytest.mark.parametrize("name", ["supervisor.duckdb", "restricted.duckdb"])
@pytest.mark.parametrize("loss", ["gone", "older"])
def test_a_file_that_lost_what_was_counted_is_noticed(tmp_path: Path, name: str, loss: str) -> None:
    store = open_store(tmp_path)
    path = store.home.store / name
    for word in ("a.png", "b.png"):
        file = seen(word)
        record_arrivals(store, key_of(file), "inbox", "upload", [file])
        if word == "a.png":
            older = path.read_bytes()
    path.unlink()
    if loss == "older":
        path.write_bytes(older)
    other = seen("c.png")
    with pytest.raises(Failed) as caught:
        record_arrivals(open_store(tmp_path), key_of(other), "inbox", "upload", [other])
    assert caught.value.reason is Reason.STORE_DAMAGED
    assert path.exists() == (loss == "older")


def test_a_backup_of_the_whole_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    store, file, other = open_store(tmp_path), seen("a.png"), seen("b.png")
    record_arrivals(store, key_of(file), "inbox", "upload", [file])
    shutil.copytree(store.home.store, tmp_path / "backup")
    record_arrivals(store, key_of(other), "inbox", "upload", [other])
    shutil.rmtree(store.home.store)
    shutil.copytree(tmp_path / "backup", store.home.store)
    record_arrivals(open_store(tmp_path), key_of(other), "inbox", "upload", [other])
    assert count(store, "arrival") == 2


def test_a_store_of_a_later_version_is_not_touched(tmp_path: Path) -> None:
    with open_store(tmp_path).write() as connection:
        connection.execute("INSERT INTO migration VALUES (99)")
    with pytest.raises(Failed) as caught:
        open_store(tmp_path)
    assert caught.value.reason is Reason.BAD_CONFIGURATION
    assert caught.value.facts["store_version"] == 99


def test_a_migration_that_comes_after_one_of_a_higher_number_is_made(tmp_path: Path) -> None:
    with open_store(tmp_path).write() as connection:
        connection.execute("DROP TABLE breaker")
        connection.execute("DELETE FROM migration WHERE version = 2")
    assert count(open_store(tmp_path), "breaker") == 0


OPEN = """
import sys
from pathlib import Path
from supervisor_core.settings import Settings
from supervisor_core.store import Store
settings = Settings(home=Path(sys.argv[1]), store_wait_s=60)
sys.stdin.readline()
store = Store(settings.open_home(), settings)
with store.restricted() as connection:
    connection.execute("INSERT INTO arrival_name VALUES (?, 'x')", [sys.argv[2]])
with store.write() as connection:
    connection.execute("INSERT INTO audit VALUES (?, now(), '', '', '', '{}')", [sys.argv[2]])
"""


@pytest.mark.campaign
def test_many_processes_make_one_store(tmp_path: Path) -> None:
    home = settings_for(tmp_path).home
    processes = [start_python(OPEN, home, number) for number in range(4)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=120) and process.returncode for process in processes]
    assert ends == [0] * 4
    store = open_store(tmp_path)
    assert count(store, "audit") == 4
    with store.restricted() as connection:
        assert connection.execute("SELECT count(*) FROM arrival_name").fetchone() == (4,)


WRITE = """
import sys
from pathlib import Path
from supervisor_core.settings import Settings
from supervisor_core.store import Store
settings = Settings(home=Path(sys.argv[1]), store_wait_s=60)
store = Store(settings.open_home(), settings)
for number in range(100000):
    with store.write() as connection:
        connection.execute("INSERT INTO audit VALUES (?, now(), '', '', '', '{}')", [str(number)])
    print(number, flush=True)
"""


def test_kill_9_loses_no_row_that_was_acknowledged(tmp_path: Path) -> None:
    process = start_python(WRITE, settings_for(tmp_path).home)
    acknowledged = [int(process.stdout.readline()) for _ in range(12)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    acknowledged += [int(line) for line in rest.split()]
    with open_store(tmp_path).read() as connection:
        found = connection.execute("SELECT CAST(id AS INTEGER) FROM audit ORDER BY 1").fetchall()
    numbers = [row[0] for row in found]
    assert numbers[: len(acknowledged)] == acknowledged
    assert numbers == list(range(len(numbers)))


RECORD = """
import sys
from pathlib import Path
from supervisor_core.inbox.plan import NewArrival
from supervisor_core.keys import IntakeKey
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.arrivals import record_arrivals
settings = Settings(home=Path(sys.argv[1]), store_wait_s=60)
store = Store(settings.open_home(), settings)
files = [NewArrival(name, f"path {name}", 1, 1) for name in ("one", "two")]
record_arrivals(store, IntakeKey("20260504_ABCDEFGHIJ"), "inbox", "upload", files)
"""


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("store.made", 1),
        ("store.made", 2),
        ("store.before_commit", 1),
        ("store.before_commit", 3),
        ("store.before_commit", 4),
        ("store.after_commit", 3),
    ],
)
def test_a_kill_while_recording_leaves_no_file_without_its_name(
    tmp_path: Path, point: str, nth: int
) -> None:
    fault = {"SUPERVISOR_FAULT": f"{point}:{nth}"}
    first = start_python(RECORD, settings_for(tmp_path).home, **fault)
    first.communicate(timeout=60)
    assert first.returncode == -signal.SIGKILL
    second = start_python(RECORD, settings_for(tmp_path).home)
    second.communicate(timeout=60)
    assert second.returncode == 0
    store = open_store(tmp_path)
    with store.read() as connection:
        assert set(known_arrivals(connection)) == {"one", "two"}
        assert len(arrivals_of(connection, "20260504_ABCDEFGHIJ")) == 2
    with store.restricted() as connection:
        names = connection.execute("SELECT * FROM arrival_name ORDER BY 1").fetchall()
    assert names == [("one", "path one"), ("two", "path two")]


def keep_canary(store: Store) -> None:
    found = Identifier(media().media, "patient_name", CANARY, 0.0, 1.5, 1, 2, 3, 4)
    with store.restricted() as connection:
        identifiers.replace_all(connection, [found], [media().media])


def test_what_was_read_is_encrypted_at_rest_and_comes_back(tmp_path: Path) -> None:
    keep_canary(open_store(tmp_path))
    written = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert any(path.name == "restricted.duckdb" for path in written)
    assert not any(CANARY.encode() in path.read_bytes() for path in written)
    with open_store(tmp_path).restricted() as connection:
        assert [one.text for one in identifiers.of_media(connection, [media().media])] == [CANARY]


LEAVE_WAL = """
import os, signal, sys
from pathlib import Path
from supervisor_core.settings import Settings
from supervisor_core.store import Store
settings = Settings(home=Path(sys.argv[1]))
with Store(settings.open_home(), settings).restricted() as connection:
    connection.execute("INSERT INTO dicom_tag VALUES ('m', 't', ?)", [sys.argv[2]])
    connection.execute("COMMIT")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_log_of_a_killed_writer_is_encrypted_too(tmp_path: Path) -> None:
    process = start_python(LEAVE_WAL, settings_for(tmp_path).home, CANARY)
    process.communicate()
    folder = tmp_path / "home" / "store"
    assert (folder / "restricted.duckdb.wal").stat().st_size > 0
    assert not any(CANARY.encode() in path.read_bytes() for path in folder.iterdir())
    with open_store(tmp_path).restricted() as connection:
        assert identifiers.tags_of(connection, "m") == {"t": CANARY}


def test_the_key_is_the_owners_alone_and_outside_the_store(tmp_path: Path) -> None:
    keep_canary(open_store(tmp_path))
    key = tmp_path / "home" / "restricted.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text().strip()) == 64
    assert stat.S_IMODE((tmp_path / "home" / "store").stat().st_mode) == 0o700


@pytest.mark.parametrize("trouble", ["gone", "other", "empty", "readable", "other setting"])
def test_without_its_key_the_restricted_file_stays_shut_and_whole(
    tmp_path: Path, trouble: str
) -> None:
    keep_canary(open_store(tmp_path))
    key = tmp_path / "home" / "restricted.key"
    kept = key.read_text()
    changes = {}
    match trouble:
        case "gone":
            key.unlink()
        case "other":
            key.write_text("0" * 64)
        case "empty":
            key.write_text("")
        case "readable":
            key.chmod(0o644)
        case "other setting":
            changes = {"restricted_key": "it's another"}
    with pytest.raises(Failed) as caught, open_store(tmp_path, **changes).restricted():
        pass
    assert caught.value.reason is Reason.RESTRICTED_KEY_MISSING
    key.write_text(kept)
    key.chmod(0o600)
    with open_store(tmp_path).restricted() as connection:
        assert identifiers.of_media(connection, [media().media])


def test_a_key_from_the_environment_needs_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERVISOR_RESTRICTED_KEY", "it's a 'quoted' key")
    keep_canary(open_store(tmp_path))
    keep_canary(open_store(tmp_path))
    assert not (tmp_path / "home" / "restricted.key").exists()


def test_neither_file_reaches_any_other(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    store = open_store(tmp_path)
    for door in (store.read, store.write, store.restricted):
        with pytest.raises(Failed), door() as connection:
            connection.execute(f"SELECT * FROM read_csv('{secret}')")
        with pytest.raises(Failed), door() as connection:
            connection.execute(f"COPY (SELECT 1) TO '{secret}'")
    assert secret.read_text() == "a,b\n1,2\n"


def test_a_moment_comes_back_as_the_same_moment_in_utc(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.write() as connection:
        media_table.add(connection, [media(not_before=NOON)], NOON)
    with store.read() as connection:
        found = media_table.load(connection, [media().media])
        zone = connection.execute("SELECT current_setting('TimeZone')").fetchone()
    assert found[media().media].not_before == NOON
    assert zone == ("UTC",)


def test_the_main_file_opens_with_plain_duckdb(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with duckdb.connect(str(store.home.store / "supervisor.duckdb"), read_only=True) as connection:
        tables = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
    assert {"intake", "arrival", "media", "output", "attempt", "request", "audit"} <= tables
