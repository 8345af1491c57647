"""Prompts out of the metadata of pictures, as the programs write them."""

import json
from pathlib import Path
from typing import Any

import pytest
from prompt_builders import (
    XMP,
    exif_block,
    text_chunk,
    write_picture,
    write_png,
    write_texts,
)

from supervisor_core.enrichment.prompt import Prompt, Tool
from supervisor_core.enrichment.prompts import prompt_in, read_prompt
from supervisor_core.enrichment.texts import Texts

WEB_UI = (
    "a lake, (mist:1.2)\nat dawn\nNegative prompt: people,\nboats\nSteps: 20, Sampler: Euler a, "
    'CFG scale: 6.5, Seed: 18446744073709551615, Size: 512x768, Model: "sea, v2", Version: v1.9'
)
WEB_UI_PROMPT = {
    "tool": Tool.AUTOMATIC1111,
    "positive": "a lake, (mist:1.2)\nat dawn",
    "negative": "people,\nboats",
    "seed": 2**64 - 1,
    "steps": 20,
    "sampler": "Euler a",
    "cfg": 6.5,
    "size": (512, 768),
    "model": "sea, v2",
}


def read(path: Path) -> Prompt:
    reading = read_prompt(path)
    assert reading.prompt is not None
    assert reading.reason is None
    return reading.prompt


def has(prompt: Prompt, expected: dict[str, Any]) -> None:
    assert {name: getattr(prompt, name) for name in expected} == expected


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
@pytest.mark.parametrize("behind", [False, True])
def test_a_web_ui_picture_tells_all_it_knows(kind: bytes, behind: bool, tmp_path: Path) -> None:
    parameters = text_chunk("parameters", WEB_UI, kind)
    prompt = read(write_png(tmp_path / "one.png", parameters, behind=behind))
    has(prompt, WEB_UI_PROMPT)
    assert prompt.raw == WEB_UI


@pytest.mark.parametrize("name", ["one.jpg", "one.webp"])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_a_comment_in_exif_is_read_in_either_byte_order(
    name: str, encoding: str, tmp_path: Path
) -> None:
    exif = exif_block({}, b"UNICODE\0" + WEB_UI.encode(encoding))
    has(read(write_picture(tmp_path / name, exif)), WEB_UI_PROMPT)


@pytest.mark.parametrize("name", ["one.jpg", "one.webp"])
def test_a_comment_in_xmp_is_read(name: str, tmp_path: Path) -> None:
    has(read(write_picture(tmp_path / name, xmp=XMP.format(WEB_UI))), WEB_UI_PROMPT)


def test_a_cameras_comment_is_no_prompt(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "one.jpg", exif_block({0x0131: "CAM"}, b"ASCII\0\0\0At sea"))
    assert read_prompt(path) == prompt_in(Texts())


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def graph() -> dict[str, Any]:
    """Two samplers, the second refines; texts go through nodes of their own."""
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="sea.safetensors"),
        "2": node("LoraLoader", model=["1", 0], clip=["1", 1], lora_name="mist"),
        "3": node("StringConcat", string_a="a lake", string_b=["4", 0]),
        "4": node("PrimitiveString", value="at dawn"),
        "5": node("CLIPTextEncode", text=["3", 0], clip=["2", 1]),
        "6": node("CLIPTextEncode", text="people", clip=["2", 1]),
        "7": node("ControlNetApplyAdvanced", positive=["5", 0], negative=["6", 0], image=["99", 0]),
        "8": node("EmptyLatentImage", width=512, height=768, batch_size=1),
        "9": node("KSampler", seed=["14", 0], steps=20, cfg=6.5, sampler_name="euler",
                  model=["2", 0], positive=["7", 0], negative=["7", 1], latent_image=["8", 0]),
        "10": node("LatentUpscale", samples=["9", 0], width=1024, height=1536),
        "11": node("KSampler", seed=7, steps=9, cfg=2, sampler_name="ddim", model=["2", 0],
                   positive=["5", 0], negative=["6", 0], latent_image=["10", 0]),
        "12": node("VAEDecode", samples=["11", 0], vae=["1", 2]),
        "13": node("SaveImage", images=["12", 0]),
        "14": node("Seed", seed=41),
    }  # fmt: skip


def test_a_graph_is_followed_from_the_picture_to_the_texts(tmp_path: Path) -> None:
    has(
        read(write_texts(tmp_path / "one.png", prompt=graph())),
        {
            "tool": Tool.COMFYUI,
            "positive": "a lake\nat dawn",
            "negative": "people",
            "model": "sea.safetensors",
            "seed": 41,
            "steps": 20,
            "sampler": "euler",
            "cfg": 6.5,
            "size": (512, 768),
        },
    )


def test_a_sampler_in_parts_is_put_together(tmp_path: Path) -> None:
    parts = {
        "1": node("UNETLoader", unet_name="flux.sft"),
        "2": node("CLIPTextEncode", text="a lake", clip=["9", 0]),
        "3": node("BasicGuider", model=["1", 0], conditioning=["2", 0]),
        "4": node("RandomNoise", noise_seed=5),
        "5": node("KSamplerSelect", sampler_name="euler"),
        "6": node("BasicScheduler", steps=4, model=["1", 0]),
        "7": node("EmptySD3LatentImage", width=64, height=32),
        "8": node("SamplerCustomAdvanced", noise=["4", 0], guider=["3", 0], sampler=["5", 0],
                  sigmas=["6", 0], latent_image=["7", 0]),
    }  # fmt: skip
    expected = {"positive": "a lake", "negative": "", "model": "flux.sft", "seed": 5, "steps": 4,
                "sampler": "euler", "size": (64, 32)}  # fmt: skip
    has(read(write_texts(tmp_path / "one.png", prompt=parts)), expected)


def test_the_saved_workflow_serves_where_no_graph_was_executed(tmp_path: Path) -> None:
    def saved(number: int, kind: str, widgets: list[Any], **links: int) -> dict[str, Any]:
        inputs = [{"name": name, "link": link} for name, link in links.items()]
        return {"id": number, "type": kind, "widgets_values": widgets, "inputs": inputs}

    workflow = {
        "nodes": [
            saved(1, "CheckpointLoaderSimple", ["sea.ckpt"]),
            saved(2, "CLIPTextEncode", ["a lake"], clip=1),
            saved(3, "CLIPTextEncode", ["people"], clip=2),
            saved(4, "EmptyLatentImage", [512, 768, 1]),
            saved(5, "KSampler", [41, "fixed", 20, 6.5, "euler", "normal", 1], model=3, positive=4,
                  negative=5, latent_image=6),
        ],
        "links": [[1, 1, 1, 2, 0, "CLIP"], [2, 1, 1, 3, 0, "CLIP"], [3, 1, 0, 5, 0, "MODEL"],
                  [4, 2, 0, 5, 1, "C"], [5, 3, 0, 5, 2, "C"], [6, 4, 0, 5, 3, "LATENT"]],
    }  # fmt: skip
    expected = {"positive": "a lake", "negative": "people", "model": "sea.ckpt", "seed": 41,
                "steps": 20, "sampler": "euler", "cfg": 6.5, "size": (512, 768)}  # fmt: skip
    has(read(write_texts(tmp_path / "one.png", workflow=workflow)), expected)


def test_comfyui_writes_into_the_cameras_fields_of_a_webp(tmp_path: Path) -> None:
    exif = exif_block({0x0110: "prompt:" + json.dumps(graph())})
    assert read(write_picture(tmp_path / "one.webp", exif)).positive == "a lake\nat dawn"


FOOOCUS = {
    "prompt": "a lake", "negative_prompt": "people", "base_model": "sea", "seed": "41",
    "steps": 30, "sampler": "dpmpp", "guidance_scale": 4, "resolution": "(512, 768)",
    "version": "Fooocus v2.4.3", "metadata_scheme": "fooocus",
}  # fmt: skip
EXPECTED = {"positive": "a lake", "negative": "people", "model": "sea", "seed": 41, "steps": 30,
            "sampler": "dpmpp", "cfg": 4.0, "size": (512, 768)}  # fmt: skip


def test_fooocus_in_all_its_forms(tmp_path: Path) -> None:
    old = {"Prompt": "a lake", "Negative Prompt": "people", "software": "Fooocus 2.1"}
    text = WEB_UI.replace("Version: v1.9", "Version: Fooocus v2.4.3")
    exif = exif_block({0x0131: "Fooocus v2.4.3"}, json.dumps(FOOOCUS).encode())
    pictures = [
        write_texts(tmp_path / "new.png", parameters=FOOOCUS, fooocus_scheme="fooocus"),
        write_picture(tmp_path / "new.jpg", exif),
        write_texts(tmp_path / "old.png", Comment=old),
        write_texts(tmp_path / "text.png", parameters=text),
    ]
    prompts = [read(path) for path in pictures]
    assert {prompt.tool for prompt in prompts} == {Tool.FOOOCUS}
    has(prompts[0], EXPECTED)
    has(prompts[1], EXPECTED)
    has(prompts[2], {"positive": "a lake", "negative": "people"})
    has(prompts[3], WEB_UI_PROMPT | {"tool": Tool.FOOOCUS})


def test_invokeai_in_all_its_forms(tmp_path: Path) -> None:
    values = {"width": 512, "height": 768, "seed": 41, "steps": 30, "cfg_scale": 4}
    new = values | {"positive_prompt": "a lake", "negative_prompt": "people",
                    "scheduler": "dpmpp", "model": {"name": "sea"}}  # fmt: skip
    image = values | {"prompt": [{"prompt": "a lake [people]", "weight": 1}], "sampler": "dpmpp"}
    old = {"model": "stable diffusion", "model_weights": "sea", "image": image}
    oldest = '"a lake [people]" -s 30 -S 41 -W 512 -H 768 -C 4 -A dpmpp -G 0.9 -cf 0.75'
    pictures = [
        write_png(tmp_path / "new.png", text_chunk("invokeai_metadata", json.dumps(new))),
        write_png(tmp_path / "old.png", text_chunk("sd-metadata", json.dumps(old))),
        write_png(tmp_path / "oldest.png", text_chunk("Dream", oldest)),
    ]
    for path in pictures:
        known = EXPECTED | ({"model": None} if path.stem == "oldest" else {})
        has(read(path), known | {"tool": Tool.INVOKEAI})


def test_novelai_with_and_without_characters(tmp_path: Path) -> None:
    comment = {"uc": "people", "seed": 41, "steps": 30, "sampler": "dpmpp", "scale": 4,
               "width": 512, "height": 768}  # fmt: skip
    named = {"Software": "NovelAI", "Source": "sea", "Description": "a lake"}
    caption = {"base_caption": "two", "char_captions": [{"char_caption": "a girl"}, {}, 7]}
    first = write_texts(tmp_path / "1.png", Comment=comment, **named)
    second = write_texts(
        tmp_path / "2.png", Comment=comment | {"v4_prompt": {"caption": caption}}, **named
    )
    third = write_picture(
        tmp_path / "3.webp",
        exif_block({}, json.dumps(named | {"Comment": json.dumps(comment)}).encode()),
    )
    has(read(first), EXPECTED | {"tool": Tool.NOVELAI})
    assert read(second).positive == "two\na girl"
    has(read(third), EXPECTED | {"tool": Tool.NOVELAI})


def test_real_pictures_of_three_programs(shared_data: Path) -> None:
    folder = shared_data / "images" / "ai_meta"
    found = {path.name: read(path) for path in sorted(folder.iterdir())}
    assert {name: (one.tool.value, one.seed) for name, one in found.items()} == {
        "automatic1111_cropped.jpg": ("automatic1111", 235284042),
        "automatic1111_cropped.png": ("automatic1111", 235284042),
        "comfy_sdxlturbo.png": ("comfyui", 0),
        "fooocus1_cropped.png": ("fooocus", 6952411511246973023),
    }
    assert found["comfy_sdxlturbo.png"].negative == "text, watermark"
    assert found["automatic1111_cropped.jpg"].positive == "photo of a duck"
