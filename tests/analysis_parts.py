"""A pipeline whose pictures are acted and whose questions go to a real server on loopback.

A module that wants the fixtures as they are here says `server = analysis_parts.server`.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ollama_server import OllamaServer
from ollama_shapes import Received
from PIL import Image
from pipeline_parts import TOOLS, House

from supervisor_core.analysis.choosing import Chosen, ChosenFrame
from supervisor_core.keys import IntakeKey
from supervisor_core.store import analyses, work
from supervisor_core.store.analyses import Analysis, Question
from supervisor_core.store.rows import fetch
from supervisor_core.store.work import Task

TASK = "analysis/general"
SMALL = {
    "model_connect_s": 0.5,
    "model_read_s": 1.0,
    "model_total_s": 1.5,
    "model_health_s": 1.0,
    "answer_bytes": 256 * 1024,
    "model_tries": 2,
    "model_retry_first_s": 0.01,
    "model_retry_longest_s": 0.02,
}


def choose(source: Path, folder: Path, count: int, side: int) -> Chosen:
    """Two pictures that differ with the file they stand for."""
    content = source.read_bytes()
    frames = []
    for index in (3, 12)[:count]:
        path = folder / f"{index}.jpg"
        colour = tuple(hashlib.sha256(content + bytes([index])).digest()[:3])
        Image.new("RGB", (64, 48), colour).save(path, "JPEG", quality=80 + index)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        frames.append(ChosenFrame(index, index / 25, path, sha256))
    return Chosen(tuple(frames), 25)


def grounded(request: Received) -> Any:
    """An answer in the asked form in which everything rests on the first frame."""
    return _filled(request.format)


def _filled(schema: dict[str, Any], name: str = "") -> Any:
    if name == "frames":
        return [1]
    if name == "reason":
        return None
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if kinds[0] == "object":
        return {key: _filled(part, key) for key, part in schema["properties"].items()}
    if kinds[0] == "array":
        return [_filled(schema["items"])]
    return {"string": "seen", "boolean": True}.get(kinds[0], schema.get("minimum", 0))


def house_asking(folder: Path, url: str, **changes: object) -> House:
    tools = replace(TOOLS, choose=choose, sleep=lambda _: None)
    return House(folder, tools=tools, changes={"ollama_url": url, **SMALL, **changes})


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        server.answer = grounded
        yield server


@pytest.fixture
def house(tmp_path: Path, server: OllamaServer) -> House:
    return house_asking(tmp_path, server.url)


def cleaned(house: House, *texts: str) -> IntakeKey:
    key = house.arrive(*texts)
    house.clean(key)
    return key


def tasks(house: House, key: IntakeKey) -> list[Task]:
    media = list(house.pipeline.summary(key).media)
    with house.store.read() as connection:
        found = work.load(connection, TASK, media)
    return [found[one] for one in media if one in found]


def task(house: House, key: IntakeKey) -> Task:
    (found,) = tasks(house, key)
    return found


def results(house: House, key: IntakeKey) -> list[Analysis]:
    with house.store.read() as connection:
        return analyses.of_intake(connection, key)


def questions(house: House) -> list[Question]:
    with house.store.read() as connection:
        rows = fetch(connection, "SELECT * FROM question ORDER BY asked")
    return [Question(**row) for row in rows]  # type: ignore[arg-type]
