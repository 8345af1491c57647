"""Which folders are libraries: `libraries.toml` in the home, one table a root.

[photos]
path = "/media/photos"

[clinic]
path = "/media/clinic"
profile = "archive"
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from supervisor_core.home import Home
from supervisor_core.keys import DEFAULT_SOURCE, RECORDING_SOURCE, STORAGE_SOURCE
from supervisor_core.media.files import PART_SUFFIX, publish
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings

DEFAULT_PROFILE = "library"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
# Sources of intakes that are no libraries.
RESERVED = frozenset({DEFAULT_SOURCE, STORAGE_SOURCE, RECORDING_SOURCE})


class Root(BaseModel):
    """One folder; files of a profile that masks nothing are used where they lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(repr=False)
    profile: str = Field(default=DEFAULT_PROFILE, pattern=r"^[a-z0-9_-]{1,64}$")

    @field_validator("path")
    @classmethod
    def _is_absolute(cls, path: Path) -> Path:
        if not path.is_absolute() or ".." in path.parts:
            raise ValueError("not absolute")
        return path


def roots_file(home: Home, settings: Settings) -> Path:
    """Where the operator says which folders are libraries."""
    return settings.libraries_file or home.root / "libraries.toml"


def load_roots(path: Path) -> dict[str, Root]:
    """The roots of a file by their names; none where there is no file.

    Raises `Failed(BAD_CONFIGURATION)` with the root and the setting at fault.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise Failed(Reason.BAD_CONFIGURATION, setting="libraries", error="syntax") from None
    return {check_name(name): _root(name, table) for name, table in tables.items()}


def check_name(name: str) -> str:
    """The name, if a root may have it; raises `Failed(BAD_CONFIGURATION)`."""
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise Failed(Reason.BAD_CONFIGURATION, setting="libraries", error="name")
    return name


def _root(name: str, table: object) -> Root:
    try:
        return Root.model_validate(table)
    except ValidationError as error:
        places = (part for one in error.errors() for part in one["loc"] if isinstance(part, str))
        at = next(places, "table")
        raise Failed(Reason.BAD_CONFIGURATION, setting="libraries", root=name, at=at) from None


def check_place(path: Path, home: Home, others: Mapping[str, Root]) -> None:
    """Raises `Failed(BAD_CONFIGURATION)` for a root that overlaps the home or another root.

    The same file under two names would come in twice, and the home would come in as its own source.
    """
    own = path.resolve()
    for other in (home.root, *(root.path for root in others.values())):
        place = other.resolve()
        if own.is_relative_to(place) or place.is_relative_to(own):
            raise Failed(Reason.BAD_CONFIGURATION, setting="libraries", error="overlap")


def name_of(path: Path, roots: Mapping[str, Root]) -> str | None:
    """The root that is this very folder."""
    own = path.resolve()
    return next((name for name, root in roots.items() if root.path.resolve() == own), None)


def free_name(roots: Mapping[str, Root]) -> str:
    """`library`, or the first of `library-2`, `library-3`... that no root has."""
    number = 1
    while (name := "library" if number == 1 else f"library-{number}") in roots:
        number += 1
    return name


def enter_root(file: Path, name: str, root: Root) -> None:
    """Adds a root at the end of the file; what stands there stays as it is, also comments.

    Raises `Failed(BAD_CONFIGURATION)` for a path that TOML can't hold: one that is no text.
    """
    try:
        word = json.dumps(str(root.path), ensure_ascii=False)
        table = f"[{name}]\npath = {word}\n".encode()
    except UnicodeEncodeError:
        raise Failed(Reason.BAD_CONFIGURATION, setting="libraries", error="path") from None
    if root.profile != DEFAULT_PROFILE:
        table += f'profile = "{root.profile}"\n'.encode()
    before = file.read_bytes() if file.exists() else b""
    part = file.with_name(file.name + PART_SUFFIX)
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        written.write(before + (b"\n" if before else b"") + table)
    load_roots(part)
    publish(part, file)
