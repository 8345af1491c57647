"""What is known of how a picture was generated, and how values from outside are made harmless.

Everything here comes out of files that anybody may have written: texts are capped and freed of
what neither a page nor a database takes, numbers are believed only within their ranges.
"""

import json
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

TEXT_CHARS_MAX = 65_536
_WORD_CHARS_MAX = 255
_SIDE_MAX = 1_000_000
_WHOLE_MAX = 2**64 - 1
# Controls other than tab and line feed, and halves of characters that no UTF-8 can hold.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Tool(StrEnum):
    """The program that generated a picture, as told by the form of its metadata."""

    AUTOMATIC1111 = "automatic1111"
    COMFYUI = "comfyui"
    FOOOCUS = "fooocus"
    INVOKEAI = "invokeai"
    NOVELAI = "novelai"


class Flaw(StrEnum):
    """Why a prompt is missing, or may not be all there was."""

    DAMAGED = "damaged"
    TOO_LARGE = "too_large"
    NOT_UNDERSTOOD = "not_understood"
    NO_TEXT = "no_text"


@dataclass(frozen=True)
class Prompt:
    """How a picture was generated; what its metadata do not say is None, or empty for texts.

    `size` is (width, height) in pixels as generated, which may differ from the file's. `raw` is
    the text that all of it was read from. Texts hold at most `TEXT_CHARS_MAX` characters.
    """

    tool: Tool
    positive: str = ""
    negative: str = ""
    model: str | None = None
    seed: int | None = None
    steps: int | None = None
    sampler: str | None = None
    cfg: float | None = None
    size: tuple[int, int] | None = None
    raw: str = ""


def text_of(value: object) -> str:
    """A text without what can't be stored or shown; anything else is an empty one."""
    if not isinstance(value, str):
        return ""
    plain = value[: 2 * TEXT_CHARS_MAX].replace("\r\n", "\n")
    return _UNWANTED.sub("", plain).strip()[:TEXT_CHARS_MAX]


def word_of(value: object) -> str | None:
    """A name (of a model, a sampler) of at most 255 characters in one line, or None."""
    return " ".join(text_of(value).split())[:_WORD_CHARS_MAX] or None


def whole_of(value: object) -> int | None:
    """A whole number from 0 to 2^64-1, also when it is written as text."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,20}", value.strip(), re.ASCII):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _WHOLE_MAX else None


def real_of(value: object) -> float | None:
    """A finite number, also when it is written as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value[:32] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def size_of(width: object, height: object) -> tuple[int, int] | None:
    """A width and a height that a picture can have."""
    sides = whole_of(width) or 0, whole_of(height) or 0
    return sides if all(0 < side <= _SIDE_MAX for side in sides) else None


def json_of(text: str | None) -> dict[str, Any]:
    """The object that a text holds as JSON, or an empty one: cut, too deep, or something else."""
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
