"""Prompts out of the metadata of pictures that an attacker has written, or that are damaged."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_builders import (
    XMP,
    chunk,
    exif_block,
    text_chunk,
    write_picture,
    write_png,
    write_texts,
)
from test_enrichment_prompts import WEB_UI, graph, has, node, read

from supervisor_core.enrichment.prompt import TEXT_CHARS_MAX, Flaw
from supervisor_core.enrichment.prompts import prompt_in, read_prompt
from supervisor_core.enrichment.texts import TEXT_BYTES_MAX, Texts
from supervisor_core.reasons import Reason


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_bomb_is_not_unpacked(kind: bytes, tmp_path: Path) -> None:
    bomb = text_chunk("parameters", bytes(64 * TEXT_BYTES_MAX), kind)
    good = text_chunk("Dream", '"a lake" -s 5')
    assert len(bomb) < TEXT_BYTES_MAX / 4
    reading = read_prompt(write_png(tmp_path / "one.png", bomb, good))
    assert reading.reason is Flaw.TOO_LARGE
    assert reading.prompt is not None
    assert reading.prompt.positive == "a lake"


def test_megabytes_of_text_are_left_out_and_a_long_prompt_is_cut(tmp_path: Path) -> None:
    huge = write_texts(tmp_path / "huge.png", parameters="x" * (TEXT_BYTES_MAX + 1))
    assert read_prompt(huge).reason is Flaw.TOO_LARGE
    long = read(write_texts(tmp_path / "long.png", parameters="abc " * (TEXT_BYTES_MAX // 8)))
    assert len(long.positive) <= TEXT_CHARS_MAX
    assert len(long.raw) <= TEXT_CHARS_MAX


@pytest.mark.parametrize(
    "text",
    ["[" * 1_000_000, '{"a":' * 100_000, "{", '{"1": 7}', '{"1": {"inputs": []}}', "[1]", ""],
    ids=["deep", "deep objects", "cut", "no nodes", "no inputs", "a list", "empty"],
)
@pytest.mark.parametrize("name", ["prompt", "workflow", "invokeai_metadata", "sd-metadata"])
def test_json_that_makes_no_sense_is_told(name: str, text: str, tmp_path: Path) -> None:
    reading = read_prompt(write_png(tmp_path / "one.png", text_chunk(name, text)))
    expected = Flaw.NOT_UNDERSTOOD if text else None
    assert reading.reason in (expected, Flaw.NO_TEXT)


def test_circles_in_a_graph_end(tmp_path: Path) -> None:
    circles = {
        "1": node("CLIPTextEncode", text=["2", 0], conditioning=["1", 0]),
        "2": node("StringConcat", string_a=["1", 0], string_b="a lake"),
        "3": node("KSampler", model=["3", 0], positive=["1", 0], negative=["3", 1],
                  latent_image=["3", 0], seed=["3", 0], steps=["1", 0]),
    }  # fmt: skip
    prompt = read(write_texts(tmp_path / "one.png", prompt=circles))
    has(prompt, {"positive": "a lake", "negative": "", "seed": None, "steps": None})


def test_a_graph_without_texts_says_so(tmp_path: Path) -> None:
    sampler = {"1": node("KSampler", positive=["2", 0], latent_image=["3", 0], seed=4)}
    reading = read_prompt(write_texts(tmp_path / "one.png", prompt=sampler))
    assert reading.reason is Flaw.NO_TEXT
    assert reading.prompt is not None
    assert reading.prompt.seed == 4


def test_a_wide_graph_is_walked_once(tmp_path: Path) -> None:
    """Each node depends on all before it: a walk along every way would not end."""
    wide = {
        str(n): node("StringConcat", **{f"string_{m}": [str(m), 0] for m in range(n)})
        for n in range(120)
    }
    wide["k"] = node("KSampler", positive=["119", 0], latent_image=["0", 0], steps=3)
    assert read_prompt(write_texts(tmp_path / "one.png", prompt=wide)).reason is Flaw.NO_TEXT


def test_what_no_database_takes_is_left_out(tmp_path: Path) -> None:
    evil = {
        "positive_prompt": "a\0 \ud800lake\x1b[2J",
        "seed": 1e300,
        "steps": -1,
        "cfg_scale": "nan",
        "width": 10**30,
        "height": True,
        "model": "m" * 999 + "\n",
    }
    path = write_png(tmp_path / "one.png", text_chunk("invokeai_metadata", json.dumps(evil)))
    prompt = read(path)
    has(prompt, {"positive": "a lake[2J", "seed": None, "steps": None, "cfg": None, "size": None})
    assert len(prompt.model or "") == 255
    (prompt.positive + prompt.raw).encode("utf-8")


@pytest.mark.parametrize("line", ['a:"' * 20_000, " a" * 30_000, '"\\"' * 20_000])
@pytest.mark.timeout(20)
def test_a_line_made_to_be_slow_is_not(line: str, tmp_path: Path) -> None:
    assert read(write_texts(tmp_path / "one.png", parameters=f"a\nSteps: 1, {line}")).steps == 1


def test_an_exif_block_that_points_outside_or_at_itself(tmp_path: Path) -> None:
    entry = struct.pack("<HHII", 0x9286, 7, 0xFFFFFFFF, 0xFFFFFFF0)
    folder = struct.pack("<HHII", 0x8769, 4, 1, 8)
    block = b"II*\0" + struct.pack("<IH", 8, 65_535) + entry + folder
    path = write_png(tmp_path / "one.png", chunk(b"eXIf", block))
    assert read_prompt(path) == prompt_in(Texts())


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    empty, text, link = (tmp_path / name for name in ("empty.png", "text.png", "link.png"))
    empty.touch()
    text.write_text("a lake")
    link.symlink_to(text)
    reasons = [read_prompt(path).reason for path in (empty, text, link, tmp_path / "none.png")]
    assert reasons == [Reason.FILE_EMPTY, Reason.UNSUPPORTED_CONTAINER, Reason.NOT_A_FILE,
                       Reason.FILE_NOT_FOUND]  # fmt: skip


def _samples(folder: Path) -> list[bytes]:
    comment = b"UNICODE\0" + WEB_UI.encode("utf-16-le")
    packed = text_chunk("parameters", WEB_UI, b"iTXt")
    paths = [
        write_png(folder / "a.png", packed, text_chunk("prompt", json.dumps(graph()))),
        write_picture(folder / "b.jpg", exif_block({0x0110: "CAM"}, comment), XMP.format(WEB_UI)),
        write_picture(folder / "c.webp", exif_block({}, comment), XMP.format(WEB_UI)),
    ]
    return [path.read_bytes() for path in paths]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return _samples(tmp_path_factory.mktemp("samples"))


@given(data=st.data())
def test_a_damaged_picture_never_raises(
    samples: list[bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(data.draw(st.sampled_from(samples)))
    for _ in range(data.draw(st.integers(0, 8))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    read_prompt(path)


NAMES = st.sampled_from(
    ["positive", "negative", "text", "seed", "latent_image", "guider", "model", "images", "width"]
)
LINKS = st.tuples(st.sampled_from(["0", "1", "2", "9"]), st.integers(0, 1)).map(list)
VALUES = st.one_of(LINKS, st.text(max_size=5), st.integers(), st.none(), st.booleans(),
                   st.lists(st.integers()), st.floats())  # fmt: skip
KINDS = st.sampled_from(["KSampler", "SaveImage", "CLIPTextEncode", "ConditioningZeroOut"])
NODES = st.builds(lambda kind, inputs: {"class_type": kind, "inputs": inputs}, KINDS,
                  st.dictionaries(NAMES, VALUES))  # fmt: skip


@given(st.dictionaries(st.sampled_from(["0", "1", "2"]), NODES))
def test_no_graph_raises_or_runs_for_ever(nodes: dict[str, Any]) -> None:
    texts = Texts()
    texts.take("prompt", json.dumps(nodes))
    prompt_in(texts)


SHAPE_NAMES = st.sampled_from(
    ["image", "prompt", "caption", "char_captions", "model", "nodes", "links", "id", "inputs"]
)
LEAVES = st.none() | st.text(max_size=5) | st.integers() | st.floats()
SHAPES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(SHAPE_NAMES, inner), max_leaves=20
)


@given(SHAPES)
def test_no_shape_of_json_raises(value: Any) -> None:
    for name in ("prompt", "workflow", "invokeai_metadata", "sd-metadata", "parameters", "Comment"):
        texts = Texts()
        names = ("prompt", "uc", "v4_prompt", "1", "nodes", "links", "image")
        texts.take(name, json.dumps(dict.fromkeys(names, value)))
        texts.take("Software", "Fooocus" if name == "parameters" else "NovelAI")
        prompt_in(texts)


def test_a_bad_checksum_of_packing_is_told(tmp_path: Path) -> None:
    packed = bytearray(zlib.compress(WEB_UI.encode()))
    packed[len(packed) // 2] ^= 255
    path = write_png(tmp_path / "one.png", chunk(b"zTXt", b"parameters\0\0" + bytes(packed)))
    assert read_prompt(path).reason is Flaw.DAMAGED
