"""From an upload on S3 to an analysis with its evidence, through a real storage and daemon."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from analysis_parts import grounded
from daemon import daemon, wait_for
from media_builders import copy_beginning
from ollama_server import MODEL, Mode, OllamaServer
from storage_parts import BUCKET

from supervisor_assets.instance import open_instance
from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.store import Store, work
from supervisor_core.store.rows import fetch

LIMIT_S = 150.0
BEGINNING = 102
CLIP, KEY = "general/bikes.mp4", "2026/Vogel, Eva/kletterhalle.mp4"


@pytest.fixture
def home(tmp_path: Path, storage_address: str, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name, value in {
        "S3_BUCKET": BUCKET,
        "S3_ENDPOINT": storage_address,
        "S3_EVERY_S": "1",
        "MODEL_RETRY_FIRST_S": "0.1",
        "BREAKER_OPEN_S": "1",
    }.items():
        monkeypatch.setenv(f"SUPERVISOR_{name}", value)
    return Home.create(tmp_path / "home")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        server.answer = grounded
        monkeypatch.setenv("SUPERVISOR_OLLAMA_URL", server.url)
        yield server


@pytest.mark.campaign
def test_an_upload_becomes_an_analysis_with_evidence_though_the_model_is_away_at_first(
    home: Home, server: OllamaServer, bucket: Any, shared_data: Path, tmp_path: Path
) -> None:
    store = Store(home, Settings(home=home.root))
    server.mode = Mode.REFUSED
    film = copy_beginning(shared_data / CLIP, tmp_path / "bikes.mp4", BEGINNING)
    bucket.upload_file(str(film), BUCKET, KEY)
    with daemon(home), open_instance(home) as instance:
        assert wait_for(lambda: _reason(store), LIMIT_S) == "BLOCKED_BY_OLLAMA"
        assert server.asked == []
        server.mode = Mode.OK
        result = wait_for(lambda: _result(store), LIMIT_S)
        log = (home.logs / "daemon.log").read_text("utf-8")
        metadata = repr([one.dagster_run.tags for one in instance.get_run_records()])
    assert (result["model"], result["kind"]) == (MODEL, "climbing")
    assert _evidence(result["result"]) <= {
        frame["number"] for frame in json.loads(result["frames"])
    }
    assert len(server.asked[0].pictures) == len(json.loads(result["frames"])) == 5
    assert "Vogel" not in log + metadata + repr(result) + repr(server.requests)
    assert bucket.head_object(Bucket=BUCKET, Key=KEY)["ContentLength"] > 0


def _reason(store: Store) -> str | None:
    with store.read() as connection:
        return next((reason for _, _, reason, _ in work.counts(connection) if reason), None)


def _result(store: Store) -> dict[str, Any] | None:
    with store.read() as connection:
        return next(iter(fetch(connection, "SELECT * FROM analysis WHERE current")), None)


def _evidence(result: str) -> set[int]:
    """The numbers of all frames that scores rest on; none may stand without."""
    found: set[int] = set()
    for claim in _claims(json.loads(result)):
        assert claim["frames"] or claim["value"] is None
        found |= {frame["number"] for frame in claim["frames"]}
    assert found
    return found


def _claims(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict) and "value" in part:
        yield part
    elif isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _claims(inner)
