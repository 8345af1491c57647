"""The journal: lines only of what is in the store, whole ones, in files that do not grow."""

import json
import multiprocessing
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pipeline_parts import House

from supervisor_core.journal import ALL, ERRORS, Journal, note
from supervisor_core.reasons import Reason
from supervisor_core.rotated import RotatedFile
from supervisor_core.store import audit
from supervisor_core.store.audit import Deed

LINES = 400
WRITERS = 4


def lines(folder: Path, name: str = ALL) -> list[dict[str, Any]]:
    path = folder / name
    return (
        [json.loads(line) for line in path.read_text("ascii").splitlines()] if path.exists() else []
    )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_every_attempt_is_told_by_keys_of_ours_and_a_failed_one_twice(house: House) -> None:
    bad = house.drop("Eva Kanarienvogel.png", "import = DECODE_FAILED")
    intake = house.record(bad, house.drop("b.png", "fine"))
    house.pipeline.import_items(intake)
    told = lines(house.home.logs)
    assert [(one["event"], one["step"], one["outcome"], one["ordinal"]) for one in told] == [
        ("attempt", "import", "failed", 0),
        ("attempt", "import", "done", 1),
    ]
    assert {one["intake"] for one in told} == {intake}
    assert [one["error"] for one in lines(house.home.logs, ERRORS)] == ["DECODE_FAILED"]
    assert "Eva" not in (house.home.logs / ALL).read_text("ascii")
    assert (house.home.logs / ALL).stat().st_mode & 0o777 == 0o600


def test_what_is_not_in_the_store_is_not_told(house: House) -> None:
    with suppress(ZeroDivisionError), house.store.write() as connection:
        audit.write(connection, "test", [Deed("gone", "x", {})], house.store.now())
        raise ZeroDivisionError
    note({"event": "outside"})
    with house.store.write() as connection:
        audit.write(connection, "test", [Deed("kept", "x", {"secret": 1})], house.store.now())
    assert [(one["event"], one["subject"], "detail" in one) for one in lines(house.home.logs)] == [
        ("kept", "x", False)
    ]


def test_a_disk_that_takes_no_line_stops_no_work(house: House) -> None:
    house.home.logs.rmdir()
    house.home.logs.write_bytes(b"")
    with house.store.write() as connection:
        audit.write(connection, "test", [Deed("done", "x", {})], house.store.now())
    with house.store.read() as connection:
        assert [one.verb for one in audit.of_subject(connection, "x")] == ["done"]


def test_moments_and_reasons_are_words(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    Journal(tmp_path).write([{"time": moment, "error": Reason.DISK_FULL}])
    assert lines(tmp_path, ERRORS) == [{"time": "2026-01-02T00:00:00+00:00", "error": "DISK_FULL"}]


def _write(path: Path, writer: int) -> None:
    log = RotatedFile(path, limit_bytes=2000, kept=1000)
    for number in range(LINES):
        log.append(f"{writer} {number}\n".encode())


@pytest.mark.campaign
def test_many_writers_lose_no_line_and_break_none_while_files_are_renamed(tmp_path: Path) -> None:
    path = tmp_path / "all.log"
    start = multiprocessing.get_context("spawn")
    writers = [start.Process(target=_write, args=(path, number)) for number in range(WRITERS)]
    for one in writers:
        one.start()
    for one in writers:
        one.join(60)
    found = [line.split() for one in tmp_path.iterdir() for line in one.read_text().splitlines()]
    expected = {(str(w), str(n)) for w in range(WRITERS) for n in range(LINES)}
    assert len(found) == len(expected)
    assert {tuple(line) for line in found} == expected
    assert len(list(tmp_path.iterdir())) > 1


def test_a_stopped_holder_of_a_full_file_holds_nobody_up(tmp_path: Path) -> None:
    import fcntl

    log = RotatedFile(tmp_path / "a.log", limit_bytes=10)
    (tmp_path / "a.log").write_bytes(b"x" * 20 + b"\n")
    with (tmp_path / "a.log").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        log.append(b"during\n")
    log.append(b"after\n")
    assert (tmp_path / "a.log.1").read_bytes().splitlines()[1:] == [b"during", b"after"]
    assert not (tmp_path / "a.log").exists()
