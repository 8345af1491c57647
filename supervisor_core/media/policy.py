"""Profiles: what a source's media may be, and how they are cleaned.

A profile is a small TOML file. `upload` and `archive` are shipped; an operator's own files lie in a
folder beside them and win over a shipped one of the same name. A limit that is left out is none.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container, Kind
from supervisor_core.reasons import Failed, Reason

SHIPPED = Path(__file__).parent / "profiles"

# Profile and device names also serve as names of folders and files.
_NAME = re.compile(r"[a-z0-9_-]{1,64}")


class MaskPolicy(StrEnum):
    """Which text is masked; `none` is the operator's word that nobody is identified there."""

    ALL_TEXT = "all_text"
    IDENTIFIERS = "identifiers"
    NONE = "none"


class AudioPolicy(StrEnum):
    """Whether the sound of a video comes along."""

    DROP = "drop"
    KEEP = "keep"


@dataclass(frozen=True)
class Profile:
    """The rules for one source; `None` stands for "no limit", in bytes, seconds and names.

    `codecs` concerns videos only; `containers` concerns every kind, by the names of `Container`.
    `analysis` names what a model is asked about the cleaned files, `kind` says what they show,
    `enrich` names the modes by which they are enriched, `fingerprints` says whether it is looked
    for what is broken or alike among them (None: where nothing is masked).
    """

    name: str
    max_bytes: int | None = None
    max_seconds: float | None = None
    codecs: frozenset[str] | None = None
    containers: frozenset[Container] | None = None
    mask: MaskPolicy = MaskPolicy.ALL_TEXT
    device: str | None = None
    audio: AudioPolicy = AudioPolicy.DROP
    analysis: str | None = None
    kind: str | None = None
    enrich: tuple[str, ...] = ()
    fingerprints: bool | None = None

    @property
    def looked_at(self) -> bool:
        """Whether its files are read whole and compared with others."""
        return self.mask is MaskPolicy.NONE if self.fingerprints is None else self.fingerprints

    @property
    def version(self) -> str:
        """12 hex digits over what shapes the output: a change of it asks for a new one."""
        shaping = f"{self.mask}/{self.device or ''}/{self.audio}"
        return hashlib.sha256(shaping.encode()).hexdigest()[:12]


def load_profile(name: str, folder: Path | None = None) -> Profile:
    """Reads a profile by its name, from the operator's folder or from the shipped ones.

    Raises `Failed(UNKNOWN_PROFILE)` and, for a file that is no valid profile,
    `Failed(BAD_CONFIGURATION)` with the setting at fault.
    """
    if not _NAME.fullmatch(name):
        raise Failed(Reason.UNKNOWN_PROFILE)
    for place in (folder, SHIPPED):
        if place is not None and (path := place / f"{name}.toml").is_file():
            return _parse(name, path.read_bytes())
    raise Failed(Reason.UNKNOWN_PROFILE)


def profile_names(folder: Path | None = None) -> list[str]:
    """The names of all profiles that `load_profile` would find, sorted."""
    places = [place for place in (folder, SHIPPED) if place is not None]
    names = {path.stem for place in places for path in place.glob("*.toml")}
    return sorted(name for name in names if _NAME.fullmatch(name))


def check_size(size_bytes: int, profile: Profile) -> None:
    """Raises `Failed(FILE_TOO_LARGE)`: the one rule that needs no look into the file."""
    if profile.max_bytes is not None and size_bytes > profile.max_bytes:
        raise Failed(Reason.FILE_TOO_LARGE, size_bytes=size_bytes, limit_bytes=profile.max_bytes)


def check_policy(info: MediaInfo, profile: Profile) -> None:
    """Raises `Failed` with the first rule that a media breaks.

    FILE_TOO_LARGE, UNSUPPORTED_CONTAINER, UNSUPPORTED_CODEC, FILE_TOO_LONG, and
    METADATA_EXTRACTION_FAILED for a video whose length can't be told while there is a limit.
    """
    check_size(info.size_bytes, profile)
    if profile.containers is not None and info.container not in profile.containers:
        raise Failed(Reason.UNSUPPORTED_CONTAINER, container=info.container.value)
    if info.kind is Kind.VIDEO and profile.codecs is not None and info.codec not in profile.codecs:
        raise Failed(Reason.UNSUPPORTED_CODEC, codec=info.codec)
    _check_length(info, profile.max_seconds)


def _check_length(info: MediaInfo, limit_s: float | None) -> None:
    if limit_s is None or (info.kind is not Kind.VIDEO and info.seconds is None):
        return
    if info.seconds is None:
        raise Failed(Reason.METADATA_EXTRACTION_FAILED, missing="duration")
    if info.seconds > limit_s:
        raise Failed(Reason.FILE_TOO_LONG, seconds=round(info.seconds, 3), limit_s=limit_s)


def _parse(name: str, text: bytes) -> Profile:
    try:
        settings = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise Failed(Reason.BAD_CONFIGURATION, setting="profile", error="syntax") from None
    if settings.keys() - _READERS.keys():
        raise Failed(Reason.BAD_CONFIGURATION, setting="profile", error="unknown setting")
    return Profile(name, **{key: _read(key, value) for key, value in settings.items()})


def _read(key: str, value: Any) -> Any:
    try:
        return _READERS[key](value)
    except (TypeError, ValueError):
        raise Failed(Reason.BAD_CONFIGURATION, setting=f"profile.{key}") from None


def _limit(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError
    return value


def _codecs(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(codec, str) for codec in value):
        raise TypeError
    return frozenset(value)


def _modes(value: object) -> tuple[str, ...]:
    """Names of modes; whether there is such a mode is known to whoever enriches."""
    if not isinstance(value, list):
        raise TypeError
    return tuple(dict.fromkeys(_name(one) for one in value))


def _containers(value: object) -> frozenset[Container]:
    return frozenset(Container(name) for name in _codecs(value))


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError
    return value


def _choice(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


_READERS: dict[str, Any] = {
    "max_bytes": _limit,
    "max_seconds": _limit,
    "codecs": _codecs,
    "containers": _containers,
    "mask": MaskPolicy,
    "device": _name,
    "analysis": _name,
    "kind": _name,
    "enrich": _modes,
    "fingerprints": _choice,
    "audio": AudioPolicy,
}
