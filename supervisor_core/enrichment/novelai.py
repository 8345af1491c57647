"""Prompts of NovelAI: JSON under `Comment`, the positive prompt under `Description` as well.

In a WebP all of these stand as one JSON object in the comment of EXIF.
"""

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
from supervisor_core.enrichment.texts import USER_COMMENT

_CHARACTERS_MAX = 100


def parse(texts: Mapping[str, str]) -> Prompt | None:
    """The prompt, if the metadata are of NovelAI."""
    if "Comment" not in texts and texts.get(USER_COMMENT, "").lstrip().startswith("{"):
        together = json_of(texts[USER_COMMENT])
        texts = {name: value for name, value in together.items() if isinstance(value, str)}
    values = json_of(texts.get("Comment"))
    if not texts.get("Software", "").startswith("NovelAI") and "uc" not in values:
        return None
    return Prompt(
        Tool.NOVELAI,
        positive=_caption(values.get("v4_prompt"))
        or text_of(values.get("prompt"))
        or text_of(texts.get("Description")),
        negative=_caption(values.get("v4_negative_prompt")) or text_of(values.get("uc")),
        model=word_of(texts.get("Source")),
        seed=whole_of(values.get("seed")),
        steps=whole_of(values.get("steps")),
        sampler=word_of(values.get("sampler")),
        cfg=real_of(values.get("scale")),
        size=size_of(values.get("width"), values.get("height")),
        raw=text_of(texts.get("Comment") or texts.get("Description")),
    )


def _caption(value: Any) -> str:
    """The base caption and, a line each, those of the characters."""
    caption = value.get("caption") if isinstance(value, dict) else None
    if not isinstance(caption, dict):
        return ""
    characters = caption.get("char_captions")
    listed = characters[:_CHARACTERS_MAX] if isinstance(characters, list) else []
    each = [one.get("char_caption") for one in listed if isinstance(one, dict)]
    return text_of("\n".join(filter(None, map(text_of, [caption.get("base_caption"), *each]))))
