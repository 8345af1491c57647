"""The nine modes of enrichment: what each reads, what it asks, and what of an answer must stand.

    reads the picture       caption, title, prompt_eval, quality, nsfw_classify
    reads the raw tags      tags_normalize
    reads what others found prompt_recon, embed, dupe_hints

A question's text and the shape of its answer are files (`prompts/<mode>.txt`, `.json`); an
operator's own of the same name win over those. Light enough for whoever only wants the names.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from string import Template
from typing import Any

from supervisor_core.reasons import Failed, Reason

SHIPPED = Path(__file__).parent / "prompts"
PREFIX = "enrichment/"
FRAMES = 3
"""So many frames of a video are shown; of a still there is one."""
TEXT_MAX = 32_768
OPTIONS: Mapping[str, Any] = {"temperature": 0, "seed": 42, "top_p": 1}


class Asks(StrEnum):
    """What is asked of a model server."""

    CHAT = "chat"
    EMBED = "embed"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Mode:
    """One way to enrich a media.

    `inputs` are the modes whose results it reads; with `waits` it begins once they have ended.
    Without the `essential` keys nothing of an answer stands, without others it is degraded.
    `fields` leads from a field's name to the key whose value it gets.
    """

    name: str
    says: str
    asks: Asks = Asks.CHAT
    picture: bool = False
    tags: bool = False
    prompt: bool = False
    inputs: tuple[str, ...] = ()
    waits: bool = True
    essential: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    version: int = 1

    @property
    def task(self) -> str:
        """The name of its task."""
        return f"{PREFIX}{self.name}"


_ALL = (
    Mode(
        "caption",
        "What is shown, in one to three sentences.",
        picture=True,
        essential=("caption",),
        fields={"caption": "caption"},
    ),
    Mode(
        "title",
        "A title of at most 80 characters.",
        picture=True,
        essential=("title",),
        fields={"title": "title"},
    ),
    Mode(
        "prompt_eval",
        "How well a picture follows the prompt it was generated from, 0 to 100.",
        picture=True,
        prompt=True,
        essential=("score",),
        fields={"prompt_score": "score"},
    ),
    Mode(
        "tags_normalize",
        "The raw tags, brought into one orderly form.",
        tags=True,
        essential=("tags_normalized",),
        fields={"tags": "tags_normalized"},
    ),
    Mode(
        "quality",
        "Blur, exposure and resolution as measured, and a model's opinion of the rest.",
        picture=True,
        essential=("quality_score",),
        fields={
            "quality": "quality_score",
            "domain": "domain_type",
            "flags": "quality_flags",
        },
    ),
    Mode(
        "nsfw_classify",
        "Whether it may be shown in public: safe, suggestive or explicit.",
        picture=True,
        essential=("category",),
        fields={"nsfw": "category"},
    ),
    Mode(
        "prompt_recon",
        "A prompt from which such a picture could be generated.",
        prompt=True,
        inputs=("caption", "title", "tags_normalize", "quality"),
        essential=("prompt",),
        fields={"prompt_recon": "prompt"},
    ),
    Mode(
        "embed",
        "A vector of all that is known, by which similar media are found.",
        asks=Asks.EMBED,
        prompt=True,
        inputs=("caption", "title", "tags_normalize", "quality", "prompt_recon"),
    ),
    Mode(
        "dupe_hints",
        "Media that may be the same, by fingerprints and vectors: suggested, never merged.",
        asks=Asks.NOTHING,
        inputs=("embed",),
        waits=False,
    ),
)
MODES: Mapping[str, Mode] = {mode.name: mode for mode in _ALL}
"""All modes by name, each after those whose results it reads."""


@dataclass(frozen=True)
class Question:
    """The text of a mode's question with its places (`$caption`), and the shape of the answer."""

    text: str = ""
    schema: Mapping[str, Any] | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over both: another one asks anew."""
        asked = json.dumps([self.text, self.schema], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()

    def filled(self, words: Mapping[str, str]) -> str:
        """The text with words in its places; what those hold is never taken for a place."""
        return Template(self.text).safe_substitute(words)


def mode_named(name: str) -> Mode:
    """The mode of this name; raises `Failed(UNKNOWN_MODE)`."""
    if name not in MODES:
        raise Failed(Reason.UNKNOWN_MODE)
    return MODES[name]


def dependents(name: str) -> tuple[str, ...]:
    """The modes that read this one's result, directly or not."""
    found = [mode.name for mode in MODES.values() if name in mode.inputs]
    return tuple(dict.fromkeys([*found, *(more for one in found for more in dependents(one))]))


def in_order(names: Collection[str]) -> list[str]:
    """These modes in the order in which they must run."""
    return [name for name in MODES if name in names]


def question_of(mode: Mode, folder: Path | None = None) -> Question:
    """What a mode asks, from the operator's folder or as shipped.

    Raises `Failed(BAD_CONFIGURATION)` for files that are no question.
    """
    if mode.asks is Asks.NOTHING:
        return Question()
    text = _text(mode.name, "txt", folder)
    if mode.asks is Asks.EMBED:
        return Question(text)
    schema = _schema(mode, _text(mode.name, "json", folder))
    return Question(f"{_text('rules', 'txt', folder)}\n{text}", schema)


def recipe_of(mode: Mode, question: Question, model: str, **more: object) -> str:
    """SHA-256 over all that decides about a result beside its inputs and the model's digest."""
    rests_on = {
        "mode": mode.name,
        "version": mode.version,
        "question": question.digest,
        "model": model if mode.asks is not Asks.NOTHING else "",
        "options": dict(OPTIONS),
        "frames": FRAMES if mode.picture else 0,
        **more,
    }
    return hashlib.sha256(json.dumps(rests_on, sort_keys=True).encode()).hexdigest()


def _text(name: str, ending: str, folder: Path | None) -> str:
    for place in (folder, SHIPPED):
        path = place / f"{name}.{ending}" if place is not None else None
        if path is not None and path.is_file():
            return _read(path, name)
    raise _bad(name, "missing")


def _read(path: Path, name: str) -> str:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(name, type(error).__name__) from None
    if not text.strip() or len(text) > TEXT_MAX:
        raise _bad(name, "length")
    return text


def _schema(mode: Mode, text: str) -> Mapping[str, Any]:
    """The shape of an answer: an object of all keys that the mode and we ourselves need."""
    try:
        schema = json.loads(text)
        parts = schema["properties"]
        whole = schema["type"] == "object" and set(schema["required"]) == set(parts)
        typed = all(part["type"] in _TYPES for part in parts.values())
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise _bad(mode.name, "shape") from None
    if not whole or not typed or not {*mode.essential, *mode.fields.values()} <= set(parts):
        raise _bad(mode.name, "keys")
    return dict(schema)


_TYPES = ("string", "number", "integer", "boolean", "array", "object")


def _bad(name: str, error: str) -> Failed:
    return Failed(Reason.BAD_CONFIGURATION, setting=f"enrichment.{name}", error=error)
