"""How a media is cleaned: the strictest of all the profiles that it came in under.

The same bytes may arrive twice, once from a source whose pictures hold nobody's identifiers and
once from one whose do. The stricter word counts, whichever came first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from supervisor_core.media.policy import AudioPolicy, MaskPolicy, Profile, load_profile

_STRICTEST_FIRST = (MaskPolicy.ALL_TEXT, MaskPolicy.IDENTIFIERS, MaskPolicy.NONE)


@dataclass(frozen=True)
class Rules:
    """What is masked, by which device's mask, and whether the sound comes along."""

    mask: MaskPolicy
    audio: AudioPolicy
    device: str | None

    @property
    def key(self) -> str:
        """The rules in words of ours: an output is bound to them."""
        return f"{self.mask}/{self.audio}/{self.device or '-'}"


def strictest(members: Iterable[tuple[Profile, str]]) -> Rules:
    """The rules for a media that came in under these (profile, device of the intake or '')."""
    pairs = list(members)
    masks = {profile.mask for profile, _ in pairs}
    sounds = {profile.audio for profile, _ in pairs}
    devices = sorted({device or profile.device or "" for profile, device in pairs} - {""})
    return Rules(
        mask=next(mask for mask in _STRICTEST_FIRST if mask in masks),
        audio=AudioPolicy.DROP if AudioPolicy.DROP in sounds else AudioPolicy.KEEP,
        device=devices[0] if devices else None,
    )


class Profiles:
    """Profiles by name, each read once."""

    def __init__(self, folder: Path) -> None:
        self._load = lru_cache(maxsize=None)(lambda name: load_profile(name, folder))

    def rules(self, members: Iterable[tuple[str, str]]) -> Rules:
        """The rules for a media that came in under these (profile name, device or '')."""
        return strictest((self._load(name), device) for name, device in members)

    def named(self, name: str) -> Profile:
        """The profile with this name; raises `Failed(UNKNOWN_PROFILE)`."""
        return self._load(name)
