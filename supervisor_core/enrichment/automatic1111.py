"""Prompts as the Stable Diffusion web UI writes them, and Forge and many others after it.

The positive prompt, a line that begins `Negative prompt:`, and a last line of settings,
`Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, ...`.
"""

import re
from collections.abc import Mapping

from supervisor_core.enrichment.prompt import (
    Prompt,
    Tool,
    real_of,
    size_of,
    text_of,
    whole_of,
    word_of,
)
from supervisor_core.enrichment.texts import USER_COMMENT

_NEGATIVE = "\nNegative prompt:"
_SETTINGS = "\nSteps: "
# The grabbing forms (`++`) never look back: a hostile line costs one pass.
_SETTING = re.compile(r'([^:,"\n]{1,64}+): *+("(?:\\.|[^"\\])*+"|[^,\n]*+)')


def parse(texts: Mapping[str, str]) -> Prompt | None:
    """The prompt in `parameters`, or in a comment that ends in a line of settings."""
    text = text_of(texts.get("parameters")) or text_of(texts.get(USER_COMMENT))
    # Cameras write comments too; under `parameters` there is nothing else.
    is_prompt = _SETTINGS in f"\n{text}" or (text and "parameters" in texts)
    if text.startswith("{") or not is_prompt:
        return None
    return prompt_of(text, Tool.AUTOMATIC1111)


def prompt_of(text: str, tool: Tool) -> Prompt:
    """Takes such a text apart."""
    prompts, found, line = f"\n{text}".rpartition(_SETTINGS)
    if not found:
        prompts, line = line, ""
    positive, _, negative = prompts.partition(_NEGATIVE)
    settings = _settings(found + line)
    width, _, height = settings.get("size", "").partition("x")
    return Prompt(
        tool,
        positive=positive.strip(),
        negative=negative.strip(),
        model=word_of(settings.get("model") or settings.get("model hash")),
        seed=whole_of(settings.get("seed")),
        steps=whole_of(settings.get("steps")),
        sampler=word_of(settings.get("sampler")),
        cfg=real_of(settings.get("cfg scale")),
        size=size_of(width, height),
        raw=text,
    )


def _settings(line: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _SETTING.findall(line):
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found
