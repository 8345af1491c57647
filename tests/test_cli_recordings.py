"""`recordings`: sessions are listed; what belongs to none goes to the trash, and only when told."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command import run
from store_builders import open_store

from supervisor_core.keys import IntakeKey
from supervisor_core.states import Recording
from supervisor_core.store import recordings
from supervisor_core.store.recordings import Session

KNOWN = IntakeKey("20261121_ABCDEFGHIJ")
NOW = datetime(2026, 11, 21, tzinfo=UTC)
DAYS_3 = time.time() - 3 * 86_400


def lay(path: Path, size_bytes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size_bytes)
    for one in (path, path.parent):
        os.utime(one, (DAYS_3, DAYS_3))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store = open_store(tmp_path)
    session = Session(KNOWN, "lobby", started=NOW, updated=NOW, state=Recording.HANDED_OVER)
    with store.write() as connection:
        recordings.save(connection, [session], NOW)
    root = store.home.root
    for number in range(3):
        lay(root / "recordings" / KNOWN / f"{number}.ts", 500)
    lay(root / "recordings" / "LOST" / "1.ts", 100)
    return root


def test_sessions_are_listed(home: Path) -> None:
    (row,) = run("recordings", "list", "--json", home=home).json
    assert (row["session"], row["stream"], row["state"]) == (KNOWN, "lobby", "handed_over")
    assert "lobby" in run("recordings", "list", home=home).out


def test_what_belongs_to_nobody_is_shown_and_moved_only_when_told(home: Path) -> None:
    shown = run("recordings", "cleanup", "--json", home=home)
    assert shown.code == 0
    assert [(one["kind"], one["path"]) for one in shown.json["orphans"]] == [
        ("session", "recordings/LOST")
    ]
    assert (home / "recordings" / "LOST" / "1.ts").is_file()
    assert (
        run("recordings", "cleanup", "--older-than-days", "4", "--json", home=home).json["orphans"]
        == []
    )
    done = run("recordings", "cleanup", "--apply", "--json", home=home)
    assert (done.code, done.json["moved"]) == (0, 1)
    assert not (home / "recordings" / "LOST").exists()
    assert (home / "recordings" / KNOWN / "2.ts").is_file()
    assert [path.read_bytes() for path in (home / "trash").rglob("*.ts")] == [b"x" * 100]


def test_more_than_half_is_refused_and_shown(home: Path) -> None:
    lay(home / "recordings" / "MORE" / "1.ts", 5000)
    ran = run("recordings", "cleanup", "--apply", home=home)
    assert ran.code != 0
    assert "recordings/MORE" in ran.out
    assert "CLEANUP_TOO_LARGE" in ran.err
    assert (home / "recordings" / "MORE" / "1.ts").is_file()


@pytest.mark.parametrize("wish", ["stop", "cut"])
@pytest.mark.parametrize("by", ["key", "stream"])
def test_a_wish_is_left_for_the_recorder(by: str, wish: str, tmp_path: Path) -> None:
    store = open_store(tmp_path)
    session = Session(KNOWN, "lobby", started=NOW, updated=NOW, state=Recording.INTERRUPTED)
    with store.write() as connection:
        recordings.save(connection, [session], NOW)
    which = KNOWN if by == "key" else "lobby"
    told = run("recordings", wish, which, "--json", home=store.home.root)
    assert told.json == {"session": KNOWN, "stream": "lobby", "asked": wish}
    with store.read() as connection:
        assert recordings.require(connection, KNOWN).asked == wish


def test_a_session_that_is_over_can_not_be_stopped(home: Path) -> None:
    refused = run("recordings", "stop", "lobby", "--json", home=home)
    assert refused.json["reason"] == "UNKNOWN_INTAKE"
    assert refused.code != 0
