"""A copy that is made equal by its blocks: to the last byte, and never one that somebody reads."""

import os
import random
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from supervisor_core.store.blocks import BLOCK, HEADS, renew, unread

CHANGES = (
    "INSERT INTO one(number, word) SELECT range, md5((range + random())::VARCHAR) FROM range({n})",
    "UPDATE one SET word = md5(word) WHERE number BETWEEN {n} AND {n} + 2000",
    "DELETE FROM one WHERE number < {n}",
    "CREATE OR REPLACE TABLE other AS SELECT range, hash(range + {n}) FROM range({n})",
    "DROP TABLE IF EXISTS other",
    "ALTER TABLE one ADD COLUMN IF NOT EXISTS more INTEGER",
    "CHECKPOINT",
)
# Opens and closes a file again and again, until its own file is there.
OPENING = """
import sys
from pathlib import Path
path, over = map(Path, sys.argv[1:])
print("begun", flush=True)
while not over.exists():
    with path.open("rb"):
        pass
"""
ASKING = """
import sys
from pathlib import Path
from supervisor_core.store.blocks import unread
found = [unread(Path(sys.argv[1])) for _ in range(20_000)]
print(found.count(True), found.count(False))
"""


def change(path: Path, *statements: str) -> None:
    with duckdb.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


def filled(path: Path) -> Path:
    change(path, "CREATE TABLE one(number BIGINT, word VARCHAR)", CHANGES[0].format(n=200_000))
    return path


def test_blocks_are_as_large_as_duckdb_makes_them(tmp_path: Path) -> None:
    path = filled(tmp_path / "source")
    with duckdb.connect(path) as connection:
        (size,) = connection.execute("SELECT block_size FROM pragma_database_size()").fetchone()
    assert size == BLOCK
    assert (path.stat().st_size - HEADS) % BLOCK == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_any_changes_the_copy_is_the_same_to_the_last_byte(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    source, target = filled(tmp_path / "source"), tmp_path / "target"
    assert renew(source, target) == source.stat().st_size
    spared = 0
    for _ in range(20):
        some = chance.choices(CHANGES, k=chance.randint(1, 3))
        change(source, *(one.format(n=chance.randrange(100_000)) for one in some))
        spared += source.stat().st_size - renew(source, target)
        assert target.read_bytes() == source.read_bytes()
    assert spared > source.stat().st_size


def test_of_a_small_change_little_is_written(tmp_path: Path) -> None:
    source, target = filled(tmp_path / "source"), tmp_path / "target"
    renew(source, target)
    assert renew(source, target) == HEADS
    change(source, "INSERT INTO one(number) VALUES (1)")
    assert HEADS < renew(source, target) < source.stat().st_size / 2
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("size", [0, 1, HEADS, HEADS + BLOCK, 1_000_001])
@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_what_is_no_database_is_copied_whole(tmp_path: Path, size: int, where: str) -> None:
    """Elsewhere is another file system, to which the kernel may not copy by itself."""
    source, folder = tmp_path / "source", tmp_path if where == "here" else Path("/dev/shm")
    source.write_bytes(os.urandom(size))
    target = folder / f"copy-{os.getpid()}"
    try:
        for before in (None, b"", b"shorter", os.urandom(2 * BLOCK)):
            if before is not None:
                target.write_bytes(before)
            assert renew(source, target) == size
            assert target.read_bytes() == source.read_bytes()
    finally:
        target.unlink()


def test_what_anybody_has_open_is_no_target(tmp_path: Path) -> None:
    path = filled(tmp_path / "source")
    assert unread(path)
    with duckdb.connect(path, read_only=True) as connection:
        connection.execute("SELECT count(*) FROM one")
        assert not unread(path)
    assert unread(path)
    with path.open("rb"):
        assert not unread(path)
    assert not unread(tmp_path / "missing")


def test_who_opens_it_at_the_very_moment_kills_nobody(tmp_path: Path) -> None:
    path, over = tmp_path / "file", tmp_path / "over"
    path.touch()
    command = [sys.executable, "-c", OPENING, path, over]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        try:
            assert reader.stdout.readline() == "begun\n"
            asked = subprocess.run(
                [sys.executable, "-c", ASKING, path], capture_output=True, text=True, timeout=60
            )
        finally:
            over.touch()
            reader.wait(timeout=60)
    assert asked.returncode == 0
    assert all(int(count) for count in asked.stdout.split())
