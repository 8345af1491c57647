"""Analysis profiles: what a model is asked about frames, and in which shape it must answer.

A profile is a folder with `profile.toml`, `prompt.txt` and `schema.json`. `climbing`, `endoscopy`
and `general` are shipped; an operator's own folders lie beside them and win over a shipped one of
the same name. The rules in `rules.txt` stand before every prompt, an operator's too.
"""

import hashlib
import json
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor_core.analysis.choosing import ChosenFrame
from supervisor_core.analysis.schemas import check_schema
from supervisor_core.reasons import Failed, Reason

SHIPPED = Path(__file__).parent / "profiles"
RULES = Path(__file__).parent / "rules.txt"
FRAMES = 5
FRAMES_MAX = 32
TEXT_MAX = 32_768

_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True)
class AnalysisProfile:
    """What is asked about up to `frames` frames, and how the answer has to look.

    `kinds` is the closed list of what may be seen; `hints` leads from words of a file name, folded,
    to a kind.
    """

    name: str
    version: int
    prompt: str
    schema: Mapping[str, Any]
    frames: int = FRAMES
    kinds: tuple[str, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)

    @property
    def prompt_hash(self) -> str:
        """SHA-256 over version, prompt and schema: another one asks for a new analysis."""
        asked = json.dumps([self.version, self.prompt, self.schema], ensure_ascii=False)
        return hashlib.sha256(asked.encode()).hexdigest()

    def prompt_for(self, frames: Sequence[ChosenFrame]) -> str:
        """The prompt with the number and time (s) of every frame that is sent with it."""
        lines = (f"Frame {n}: {one.time_s:.2f} s" for n, one in enumerate(frames, 1))
        return "\n".join(
            (self.prompt, "", "The frames, in the order in which they follow:", *lines)
        )


def load_analysis(name: str, folder: Path | None = None) -> AnalysisProfile:
    """Reads a profile by its name, from the operator's folder or from the shipped ones.

    Raises `Failed(UNKNOWN_PROFILE)` and, for files that are no valid profile,
    `Failed(BAD_CONFIGURATION)` with the setting at fault.
    """
    if not _NAME.fullmatch(name):
        raise Failed(Reason.UNKNOWN_PROFILE)
    for place in (folder, SHIPPED):
        if place is not None and (place / name / "profile.toml").is_file():
            return _load(name, place / name)
    raise Failed(Reason.UNKNOWN_PROFILE)


def analysis_names(folder: Path | None = None) -> list[str]:
    """The names of all profiles that `load_analysis` would find, sorted."""
    places = [place for place in (folder, SHIPPED) if place is not None]
    names = {path.parent.name for place in places for path in place.glob("*/profile.toml")}
    return sorted(name for name in names if _NAME.fullmatch(name))


def _load(name: str, folder: Path) -> AnalysisProfile:
    try:
        settings = tomllib.loads(_text(folder, "profile.toml"))
        schema = json.loads(_text(folder, "schema.json"))
    except (ValueError, RecursionError):
        raise _bad("analysis", "syntax") from None
    if settings.keys() - _READERS.keys():
        raise _bad("analysis", "unknown setting")
    read = {key: _read(key, value) for key, value in settings.items()}
    prompt = f"{RULES.read_text('utf-8').strip()}\n\n{_text(folder, 'prompt.txt').strip()}"
    if "version" not in read:
        raise _bad("analysis.version", "missing")
    profile = AnalysisProfile(name, prompt=prompt, schema=schema, **read)
    if not set(profile.hints.values()) <= set(profile.kinds):
        raise _bad("analysis.hints", "unknown kind")
    check_schema(schema, profile.kinds)
    return profile


def _text(folder: Path, name: str) -> str:
    """One file of a profile, neither empty nor long."""
    part = Path(name).stem
    try:
        text = (folder / name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(f"analysis.{part}", type(error).__name__) from None
    if not text.strip() or len(text) > TEXT_MAX:
        raise _bad(f"analysis.{part}", "length")
    return text


def _read(key: str, value: Any) -> Any:
    try:
        return _READERS[key](value)
    except (TypeError, ValueError):
        raise _bad(f"analysis.{key}", "value") from None


def _version(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError
    return value


def _frames(value: object) -> int:
    if type(value) is not int or not 1 <= value <= FRAMES_MAX:
        raise ValueError
    return value


def _kinds(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(set(value)) < len(value):
        raise TypeError
    if not all(isinstance(word, str) and _WORD.fullmatch(word) for word in value):
        raise ValueError
    return tuple(value)


def _hints(value: object) -> dict[str, str]:
    """From `kind = ["word", ...]` to each word's kind; a word can't stand for two."""
    if not isinstance(value, dict) or not all(isinstance(words, list) for words in value.values()):
        raise TypeError
    pairs = [(_folded(word), kind) for kind, words in value.items() for word in words]
    if len(dict(pairs)) < len(set(pairs)):
        raise ValueError
    return dict(pairs)


def _folded(word: object) -> str:
    if not isinstance(word, str) or not word.isalpha():
        raise ValueError
    return unicodedata.normalize("NFC", word).casefold()


def _bad(setting: str, error: str) -> Failed:
    return Failed(Reason.BAD_CONFIGURATION, setting=setting, error=error)


_READERS: dict[str, Any] = {
    "version": _version,
    "frames": _frames,
    "kinds": _kinds,
    "hints": _hints,
}
