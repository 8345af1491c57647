"""Pages made of templates: everything that is put in is escaped, nothing that is missing passes."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from supervisor_core.store import owners

STATIC = files("gallery") / "static"
_HASH = 12  # characters of it in an address
_UNITS = ("B", "kB", "MB", "GB", "TB")


def render(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page; it knows who is signed in and how old what it shows is."""
    person = getattr(request.state, "person", None)
    house = getattr(request.app.state, "house", None)
    common = {
        "person": person,
        "csrf": person.csrf if person else "",
        "path": request.url.path,
        "age_s": house.snapshots.age_s() if house and person else None,
    }
    text = environment().get_template(template).render(common | dict(values))
    return HTMLResponse(text, status, dict(headers or {}))


@cache
def environment() -> Environment:
    """Jinja's environment with our filters."""
    made = Environment(
        loader=PackageLoader("gallery"),
        autoescape=True,
        auto_reload=False,  # what runs goes with the templates it began with
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "size": size,
        "length_of": length,
        "moment": moment,
        "ago": ago,
        "count": number,
        "several": several,
        "name_of_owner": owners.name_of,
    }
    made.globals["static"] = static
    return made


@cache
def static(name: str) -> str:
    """The address of one of our own files; it changes with the file."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:_HASH]
    return f"/static/{digest}/{name}"


def size(bytes_: float | None) -> str:
    """Bytes as people read them, in steps of 1000."""
    if bytes_ is None:
        return "unknown"
    value, step = float(bytes_), 0
    while value >= 999.5 and step < len(_UNITS) - 1:
        value, step = value / 1000, step + 1
    unit = _UNITS[step]
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"


def length(seconds: float | None) -> str:
    """Seconds as a player shows them; an empty text where there are none."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def moment(when: datetime | None) -> str:
    """A moment in UTC, to the second."""
    return "" if when is None else f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def ago(seconds: float | None) -> str:
    """How long something is ago or takes, roughly."""
    if seconds is None:
        return "unknown"
    for unit, much in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * much:
            return f"{seconds / much:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def number(value: int) -> str:
    """A number with its thousands apart."""
    return f"{value:,}".replace(",", "\u202f")


def several(value: int, word: str) -> str:
    """So many of what the word says, with an s where it is not one."""
    return f"{number(value)} {word}{'' if value == 1 else 's'}"
