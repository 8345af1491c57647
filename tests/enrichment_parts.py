"""A library of real, drawn pictures, enriched by a real server on loopback."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis_parts import SMALL
from ollama_server import OllamaServer
from PIL import Image
from pipeline_parts import House

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.pipeline.enriching import EnrichReport, Order
from supervisor_core.pipeline.tools import Tools
from supervisor_core.store import enrichments, prompts, tags, work
from supervisor_core.store.enrichments import Enrichment
from supervisor_core.store.prompts import StoredPrompt
from supervisor_core.store.rows import fetch
from supervisor_core.store.tags import Tag
from supervisor_core.store.work import Task

MODEL, EMBED_MODEL = "qwen2.5vl:7b", "nomic-embed-text:latest"
ALL = (
    "caption",
    "title",
    "prompt_eval",
    "tags_normalize",
    "quality",
    "nsfw_classify",
    "prompt_recon",
    "embed",
    "dupe_hints",
)
PROFILE = "shelf"


def draw(path: Path, seed: int, size: tuple[int, int] = (96, 64)) -> Path:
    """A picture like no other: soft shapes with edges, and something to see everywhere."""
    numbers = np.random.default_rng(seed)
    small = numbers.integers(0, 255, (6, 9, 3), np.uint8)
    picture = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(picture).copy()
    pixels[:: 7 + seed % 5] //= 2
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def shelf(folder: Path, url: str, *modes: str, worker: Any = None, **changes: object) -> House:
    """A house with a profile that needs no cleaning and asks for these modes (all)."""
    more = {"worker": worker} if worker is not None else {}
    settings = {"ollama_url": url, **SMALL, "embed_model": EMBED_MODEL, **changes}
    house = House(folder, tools=Tools(sleep=lambda _: None), changes=settings, **more)
    profiles = house.home.root / "profiles"
    profiles.mkdir(exist_ok=True)
    names = ", ".join(f'"{mode}"' for mode in modes or ALL)
    (profiles / f"{PROFILE}.toml").write_text(f'mask = "none"\nenrich = [{names}]\n')
    return house


def put(house: House, *seeds: int, profile: str = PROFILE) -> IntakeKey:
    """Drawn pictures come in together and pass the gate without cleaning."""
    files = []
    for seed in seeds:
        draw(house.home.inbox / f"{seed}.png", seed)
        files.append(house.see(f"{seed}.png"))
    key = house.record(*files, profile=profile)
    house.pipeline.import_items(key)
    house.pipeline.mask(key, "frame_level")
    return key


def media_of(house: House, key: IntakeKey) -> list[MediaKey]:
    return list(house.pipeline.summary(key).media)


def run(house: House, key: IntakeKey, *modes: str, **order: Any) -> dict[str, EnrichReport]:
    """The modes in their order, as a run makes them."""
    work_: Pipeline = house.pipeline
    return {mode: work_.enrich(key, mode, Order(**order)) for mode in modes or ALL}


def task(house: House, media: str, mode: str) -> Task | None:
    with house.store.read() as connection:
        return work.load(connection, f"enrichment/{mode}", [media]).get(MediaKey(media))


def result(house: House, media: str, mode: str) -> Enrichment | None:
    with house.store.read() as connection:
        return enrichments.current(connection, [media]).get((MediaKey(media), mode))


def fill(schema: Mapping[str, Any], **known: Any) -> dict[str, Any]:
    """An answer that fits a schema, with some values given."""
    return {name: known.get(name, _value(part)) for name, part in schema["properties"].items()}


def _value(part: Mapping[str, Any]) -> Any:
    if "enum" in part:
        return part["enum"][0]
    return {"string": "seen", "number": part.get("minimum", 0), "array": []}[part["type"]]


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer(MODEL, EMBED_MODEL) as server:
        yield server


@pytest.fixture
def house(tmp_path: Path, server: OllamaServer) -> House:
    return shelf(tmp_path, server.url)


def know(house: House, media: str, prompt: str = "a boat", *names: str) -> None:
    """What the file of a media would have said."""
    with house.store.write() as connection:
        now = house.store.now()
        prompts.put(connection, [StoredPrompt(MediaKey(media), prompt)], "test", now)
        tags.put(connection, MediaKey(media), [Tag(name) for name in names], "file", now)


def rows(house: House, sql: str) -> list[dict[str, Any]]:
    with house.store.read() as connection:
        return fetch(connection, sql)
