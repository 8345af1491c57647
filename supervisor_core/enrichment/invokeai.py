"""Prompts of InvokeAI in its three forms: `invokeai_metadata`, `sd-metadata`, `Dream`.

In the two older ones the negative prompt stands in square brackets within the positive one.
"""

import re
from collections.abc import Mapping
from typing import Any

from supervisor_core.enrichment.prompt import (
    Prompt,
    Tool,
    json_of,
    real_of,
    size_of,
    text_of,
    whole_of,
    word_of,
)

_BOTH = ("positive", "negative")
_BRACKETS = re.compile(r"\[([^\[\]]*+)\]")
_DREAM = re.compile(r'\s*+"([^"]*+)"(.*+)', re.DOTALL)
_OPTION = re.compile(r"(?:^|\s)-(s|S|W|H|C|A)\s*+([^\s-][^\s]*+)")


def parse(texts: Mapping[str, str]) -> Prompt | None:
    """The prompt, if the metadata are of InvokeAI; the newest form first."""
    if "invokeai_metadata" in texts:
        return _present(texts["invokeai_metadata"])
    if "sd-metadata" in texts:
        return _older(texts["sd-metadata"])
    return _oldest(texts["Dream"]) if "Dream" in texts else None


def _present(raw: str) -> Prompt | None:
    values = json_of(raw)
    if not values:
        return None
    positive, negative = (text_of(values.get(f"{which}_prompt")) for which in _BOTH)
    model = values.get("model")
    if isinstance(model, dict):
        model = model.get("model_name") or model.get("name") or model.get("key")
    return _prompt(raw, positive, negative, model, values, values.get("scheduler"))


def _older(raw: str) -> Prompt | None:
    values = json_of(raw)
    image = values.get("image")
    if not isinstance(image, dict):
        return None
    positive, negative = _split(_text_of_parts(image.get("prompt")))
    return _prompt(
        raw, positive, negative, values.get("model_weights"), image, image.get("sampler")
    )


def _oldest(raw: str) -> Prompt | None:
    found = _DREAM.fullmatch(raw[:65_536])
    if not found:
        return None
    positive, negative = _split(found[1])
    options = dict(_OPTION.findall(found[2][:4096]))
    names = {"s": "steps", "S": "seed", "W": "width", "H": "height", "C": "cfg_scale"}
    values = {name: options.get(letter) for letter, name in names.items()}
    return _prompt(raw, positive, negative, None, values, options.get("A"))


def _text_of_parts(parts: Any) -> str:
    """Prompts were a text, or a list of texts with weights."""
    if isinstance(parts, str):
        return text_of(parts)
    listed = parts[:100] if isinstance(parts, list) else []
    return text_of(" ".join(text_of(one.get("prompt")) for one in listed if isinstance(one, dict)))


def _split(text: str) -> tuple[str, str]:
    text = text_of(text)
    return _BRACKETS.sub("", text).strip(), ", ".join(_BRACKETS.findall(text))


def _prompt(
    raw: str, positive: str, negative: str, model: Any, values: Mapping[str, Any], sampler: Any
) -> Prompt:
    return Prompt(
        Tool.INVOKEAI,
        positive,
        negative,
        model=word_of(model),
        seed=whole_of(values.get("seed")),
        steps=whole_of(values.get("steps")),
        sampler=word_of(sampler),
        cfg=real_of(values.get("cfg_scale")),
        size=size_of(values.get("width"), values.get("height")),
        raw=text_of(raw),
    )
