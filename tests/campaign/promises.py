"""What must hold of a home once it has settled, whatever befell the runs that worked on it."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from supervisor_core.home import Home
from supervisor_core.pipeline.places import shown_by
from supervisor_core.settings import Settings
from supervisor_core.store import Connection, Store
from supervisor_core.store.rows import fetch

ENDS = {
    ("imported", "frame_level", "verified"),
    ("imported", "roi_mask", "verified"),
    ("imported", "raw_aside", "none"),
    ("imported", "raw_aside", "residual"),
    ("imported", "raw_aside", "timeout"),
    ("imported", "not_required", "none"),
    ("refused", None, None),
}
LEFT = ("refused", "inbox")
KEEPING = ("raw", "aside", *LEFT)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def check_all(home: Home, inputs: Iterable[str]) -> None:
    """Nothing is lost, doubled, half done, unproven or still held; `inputs` are SHA-256."""
    check_inputs(home, inputs)
    check_leftovers(home)
    with Store(home, Settings(home=home.root)).read() as connection:
        check_states(connection)
        check_held(connection)
        check_shown(connection, home)


def check_inputs(home: Home, inputs: Iterable[str]) -> None:
    """The bytes of every input lie in exactly one place, and nothing else lies there.

    What came in is kept once however often it came; every refused file is kept for itself.
    """
    given = Counter(inputs)
    kept = Counter(sha256(path) for name in ("raw", "aside") for path in files(home.root / name))
    left = Counter(sha256(path) for name in LEFT for path in files(home.root / name))
    assert set(kept.values()) <= {1}
    assert kept.keys() | left.keys() == given.keys()
    assert not kept.keys() & left.keys()
    assert all(given[sha] == count for sha, count in left.items())


def check_leftovers(home: Home) -> None:
    """No work is half done: nothing in work/, and no unfinished name anywhere."""
    assert not list(home.root.rglob("*.part"))
    assert not list(home.work.iterdir())


def check_states(connection: Connection) -> None:
    """Every file that came in is one arrival in one state that is an end."""
    sql = """SELECT fingerprint, state, cleaning, verification FROM arrival
        LEFT JOIN media USING (media)"""
    rows = [tuple(row.values()) for row in fetch(connection, sql)]
    assert len(rows) == len({row[0] for row in rows})
    ends = {("imported", *row[2:]) if row[1] == "duplicate" else row[1:] for row in rows}
    assert ends <= ENDS
    for table, key in (("intake", "intake"), ("media", "media"), ("attempt", "id")):
        sql = f"SELECT count(*), count(DISTINCT {key}) FROM {table}"
        assert len(set(connection.execute(sql).fetchone() or (0, 1))) == 1, table


def check_held(connection: Connection) -> None:
    """Nobody holds an item, and every attempt has an end."""
    held = "SELECT media FROM media WHERE lease_owner IS NOT NULL OR cleaning = 'running'"
    assert not connection.execute(held).fetchall()
    assert not connection.execute("SELECT id FROM attempt WHERE ended IS NULL").fetchall()


def check_shown(connection: Connection, home: Home) -> None:
    """What is shown is what was proven: the same bytes, under its hash, and nothing besides."""
    sql = """SELECT sha256, path FROM output JOIN media USING (media)
        WHERE current AND verified_at IS NOT NULL AND verification = 'verified'
            AND output.level = media.cleaning"""
    proven = dict(connection.execute(sql).fetchall())
    shown = {path: sha256(path) for path in files(home.cleaned)}
    assert shown == {home.root / path: sha for sha, path in proven.items()}
    assert {shown_by(path) for path in files(home.thumbnails)} == set(proven)
