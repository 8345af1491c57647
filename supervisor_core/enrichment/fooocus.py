"""Prompts of Fooocus: JSON under `parameters` (PNG) or in the comment (JPEG, WebP).

Told to write as the Stable Diffusion web UI does, it names itself as the version there. Older
versions wrote JSON under `Comment`, with other names.
"""

import re
from collections.abc import Mapping
from typing import Any

from supervisor_core.enrichment import automatic1111
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
from supervisor_core.enrichment.texts import MAKER_NOTE, USER_COMMENT

_OWN_SETTING = re.compile(r"\bVersion: Fooocus")


def parse(texts: Mapping[str, str]) -> Prompt | None:
    """The prompt, if the metadata are of Fooocus."""
    for name in ("parameters", USER_COMMENT, "Comment"):
        raw = texts.get(name, "")
        if raw.lstrip().startswith("{"):
            values = {_plain(key): value for key, value in json_of(raw).items()}
            if _is_own(texts, values):
                return _prompt(values, raw)
        elif _OWN_SETTING.search(raw[-4096:]):
            return automatic1111.prompt_of(text_of(raw), Tool.FOOOCUS)
    return None


def _plain(key: str) -> str:
    return key.lower().replace(" ", "_")


def _is_own(texts: Mapping[str, str], values: dict[str, Any]) -> bool:
    if "prompt" not in values:
        return False
    named = texts.get("fooocus_scheme") or texts.get(MAKER_NOTE) or values.get("metadata_scheme")
    versions = texts.get("Software"), values.get("version"), values.get("software")
    return named == "fooocus" or any(str(one).startswith("Fooocus") for one in versions)


def _prompt(values: dict[str, Any], raw: str) -> Prompt:
    sides = re.findall("[0-9]{1,7}", str(values.get("resolution", ""))[:64])
    return Prompt(
        Tool.FOOOCUS,
        positive=text_of(values.get("prompt")),
        negative=text_of(values.get("negative_prompt")),
        model=word_of(values.get("base_model")),
        seed=whole_of(values.get("seed")),
        steps=whole_of(values.get("steps")),
        sampler=word_of(values.get("sampler")),
        cfg=real_of(values.get("guidance_scale")),
        size=size_of(*sides) if len(sides) == 2 else None,
        raw=text_of(raw),
    )
