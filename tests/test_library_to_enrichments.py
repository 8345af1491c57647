"""A library from its scan to its last enrichment, through a real daemon, as a new user has it."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from clip_builders import scene, write_clip
from command import run
from daemon import daemon, wait_for
from enrichment_parts import ALL, EMBED_MODEL, MODEL, draw
from ollama_server import Mode, OllamaServer

from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.store import Store

LIMIT_S = 400.0
DRAWN = 40
_TASKS = "SELECT media, task, state, reason FROM work WHERE starts_with(task, 'enrichment/')"
ENDED = {"done", "degraded", "abstained", "error", "dead"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name, value in {
        "LIBRARY_EVERY_S": "5",
        "MODEL": MODEL,
        "EMBED_MODEL": EMBED_MODEL,
        "MODEL_RETRY_FIRST_S": "0.1",
        "BREAKER_OPEN_S": "1",
    }.items():
        monkeypatch.setenv(f"SUPERVISOR_{name}", value)
    return Home.create(tmp_path / "home")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OllamaServer]:
    with OllamaServer(MODEL, EMBED_MODEL) as server:
        monkeypatch.setenv("SUPERVISOR_OLLAMA_URL", server.url)
        yield server


@pytest.fixture
def library(tmp_path: Path, shared_data: Path) -> Path:
    root = tmp_path / "library"
    shutil.copytree(shared_data / "images", root / "shared")
    for number in range(DRAWN):
        draw(root / "drawn" / f"{number:03d}.png", number, (320, 200))
    write_clip(root / "film.mp4", [scene(number) for number in range(50)])
    (root / "drawn" / "broken.png").write_bytes((root / "drawn" / "000.png").read_bytes()[:900])
    return root


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_a_library_comes_to_its_end_though_the_model_goes_away_in_the_middle(
    home: Home, server: OllamaServer, library: Path
) -> None:
    store = Store(home, Settings(home=home.root))
    before = {path: path.read_bytes() for path in library.rglob("*") if path.is_file()}
    assert run("scan", str(library), "--later", home=home.root).code == 0
    with daemon(home):
        wait_for(lambda: len(server.asked) > DRAWN or None, LIMIT_S)
        server.mode = Mode.REFUSED
        wait_for(lambda: _blocked(store) or None, LIMIT_S)
        server.mode = Mode.OK
        wait_for(lambda: _is_over(store), LIMIT_S)
    states, reasons = _tasks(store)
    media = {one for one, _ in states}
    assert len(media) == _imported(store) >= DRAWN + 10
    assert {mode for _, mode in states} == {f"enrichment/{mode}" for mode in ALL}
    assert set(states.values()) <= ENDED
    assert all(reasons[key] for key, state in states.items() if state not in ("done", "degraded"))
    # Hints ask nobody, and are made anew when something similar has come in since.
    again = [mode for (_, mode), times in _done(store).items() if times > 1]
    assert set(again) <= {"dupe_hints"}
    assert {path: path.read_bytes() for path in before} == before


def _tasks(store: Store) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
    with store.read() as connection:
        rows = connection.execute(_TASKS).fetchall()
    return {(m, t): state for m, t, state, _ in rows}, {(m, t): why for m, t, _, why in rows}


def _blocked(store: Store) -> int:
    return Counter(_tasks(store)[0].values())["blocked"]


def _imported(store: Store) -> int:
    with store.read() as connection:
        row = connection.execute("SELECT count(*) FROM media").fetchone()
    return int(row[0]) if row else 0


def _is_over(store: Store) -> bool | None:
    states, _ = _tasks(store)
    over = len(states) == _imported(store) * len(ALL) and set(states.values()) <= ENDED
    return over or None


def _done(store: Store) -> dict[tuple[str, str], int]:
    sql = """SELECT media, level, count(*) FROM attempt
        WHERE step = 'enrich' AND outcome = 'done' GROUP BY ALL"""
    with store.read() as connection:
        rows = connection.execute(sql).fetchall()
    return {(media, mode): count for media, mode, count in rows}
