"""Which streams are recorded, and how: `streams.toml` in the home, one table a stream.

[lobby]
url = "https://host/live.m3u8"
segment_length_s = 3600
proxies = ["http://proxy:3128", ""]

[lobby.keep]
days = 30
"""

import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.source import address_of, is_proxy

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_DAY_S = 86_400.0


class Layout(StrEnum):
    """How a stream's episodes lie in the library."""

    SEASONS = "seasons"
    FLAT = "flat"


class Keep(BaseModel):
    """What stays in the library; the oldest go first, and nothing goes where nothing is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: Annotated[int, Field(ge=1)] | None = None
    days: Annotated[float, Field(gt=0)] | None = None
    bytes: Annotated[int, Field(ge=1)] | None = None


class Stream(BaseModel):
    """One stream; the times are seconds, and its address and proxies are never shown.

    `segment_length_s` and `segment_bytes` are the settings' where they are left out. After
    `session_s` a session is handed over and the next one begins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(repr=False)
    quality: str = Field(default="best", pattern=r"^[A-Za-z0-9_+-]{1,40}$")
    segment_length_s: Annotated[float, Field(gt=0)] | None = None
    segment_bytes: Annotated[int, Field(ge=2**20)] | None = None
    session_s: float = Field(default=_DAY_S, gt=0)
    proxies: tuple[str, ...] = Field(default=(), repr=False)
    profile: str = "archive"
    join: bool = True
    keep_segments: bool = False
    layout: Layout = Layout.SEASONS
    keep: Keep = Keep()

    @field_validator("url")
    @classmethod
    def _opens(cls, url: str) -> str:
        if address_of(url) is None:
            raise ValueError("no address of a stream")
        return url

    @field_validator("proxies")
    @classmethod
    def _are_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(is_proxy, proxies)):
            raise ValueError("no address of a proxy")
        return proxies

    @property
    def address(self) -> str:
        """What the source opens, see `address_of`."""
        return address_of(self.url) or ""


def load_streams(path: Path) -> dict[str, Stream]:
    """The streams of a file by their names; none where there is no file.

    Raises `Failed(BAD_CONFIGURATION)` with the stream and the setting at fault.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise Failed(Reason.BAD_CONFIGURATION, setting="streams", error="syntax") from None
    return {name: _stream(name, table) for name, table in tables.items()}


def _stream(name: str, table: object) -> Stream:
    if not _NAME.fullmatch(name):
        raise Failed(Reason.BAD_CONFIGURATION, setting="streams", error="name")
    try:
        return Stream.model_validate(table)
    except ValidationError as error:
        places = (part for one in error.errors() for part in one["loc"] if isinstance(part, str))
        at = next(places, "table")
        raise Failed(Reason.BAD_CONFIGURATION, setting="streams", stream=name, at=at) from None
