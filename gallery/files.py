"""The files that pages show: found by the row of an item, never by a path.

Nothing but what passed the gate is served: cleaned and verified files, and those of which nobody
asked for cleaning. No address leads to a raw file, or to one that lies aside.
"""

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from gallery.errors import Refusal
from gallery.house import House
from gallery.listing import reading
from gallery.listing.reading import Row
from gallery.ranges import RangedFile
from supervisor_core.media.sprites import sprite_layout, webvtt
from supervisor_core.pipeline import places
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.database import Connection

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TYPES = {
    "mp4": "video/mp4",
    "mov": "video/mp4",
    "webm": "video/webm",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
}
PLAYABLE = frozenset({"mp4", "mov", "webm"})
SHOWABLE = frozenset({"png", "jpeg", "webp"})
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""Under an address that is made of the file's hash nothing else will ever lie."""
_FRAME_SIDE = 1280


def media(request: Request) -> Response:
    """The file of an item, in ranges if asked for."""
    house, item = _item_of(request)
    path = _file(house, item)
    kind = str(item["file_kind"])
    name = f"{item['id']}.{'jpg' if kind == 'jpeg' else kind}"
    return RangedFile(
        path,
        media_type=_TYPES.get(kind, "application/octet-stream"),
        filename=name,
        content_disposition_type="inline" if kind in _TYPES else "attachment",
        headers=FOR_EVER,
    )


def thumbnail(request: Request) -> Response:
    """The small picture of an item."""
    house, item = _item_of(request)
    return _picture(places.thumbnail(house.home, str(item["file"])))


def strip(request: Request) -> Response:
    """The pictures along a video."""
    house, item = _item_of(request)
    return _picture(places.sprite(house.home, str(item["file"])))


def strip_times(request: Request) -> Response:
    """Which of these pictures belongs to which time, as WebVTT."""
    _, item = _item_of(request)
    if not item["seconds"]:
        raise Refusal(404)
    layout = sprite_layout(item["width"], item["height"], item["seconds"])
    text = webvtt(layout, f"/files/{item['file']}/strip.jpg")
    return Response(text, media_type="text/vtt; charset=utf-8", headers=FOR_EVER)


def variant(request: Request) -> Response:
    """A larger picture that was made of an item; its own hash is the address."""
    house: House = request.app.state.house
    sha256 = _hash(request)
    with house.snapshots.recent() as connection:
        place = _place_of(connection, sha256)
    if place is None:
        raise Refusal(404)
    return _picture(house.home.absolute(place))


def _place_of(connection: Connection, child: str) -> str | None:
    """Where a larger picture lies, of whose parents one may still be shown as it was then."""
    sql = "SELECT parent, output, path FROM variant WHERE child = ? AND path IS NOT NULL"
    for parent, output, path in connection.execute(sql, [child]).fetchall():
        item = reading.find(connection, parent[:16])
        if item is not None and (item["media"], item["file"]) == (parent, output):
            return str(path)
    return None


def frame(request: Request) -> Response:
    """One frame of an item's readable file, by its time in seconds or its number."""
    house: House = request.app.state.house
    with house.snapshots.recent() as connection:
        item = reading.find(connection, request.path_params["item"])
    readable = reading.readable(item) if item is not None else None
    if readable is None:
        raise Refusal(404)
    at_s, index = moment_of(request)
    content = house.drawer.shown(readable, at_s=at_s, index=index, longest_side=_FRAME_SIDE)
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private"})


def moment_of(request: Request) -> tuple[float | None, int | None]:
    """Which frame is meant: `n`, its number, or `at`, its time in seconds; else the first."""
    number, at = request.query_params.get("n", ""), request.query_params.get("at", "")
    if number.isascii() and number.isdecimal() and len(number) < 10:
        return None, int(number)
    if re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,6})?", at):
        return float(at), None
    return None, 0


def _item_of(request: Request) -> tuple[House, Row]:
    """The item whose readable file has the hash of the address."""
    house: House = request.app.state.house
    sha256 = _hash(request)
    with house.snapshots.recent() as connection:
        item = reading.of_file(connection, sha256)
    if item is None:
        raise Refusal(404)
    return house, item


def _hash(request: Request) -> str:
    sha256 = request.path_params["sha256"]
    if not _SHA256.fullmatch(sha256):
        raise Refusal(404)
    return str(sha256)


def _file(house: House, item: Row) -> Path:
    """The file that stands for an item; where it lies in a library, only if it is still that."""
    readable = reading.readable(item)
    if readable is None:
        raise Refusal(404)
    path = places.readable_file(house.home, readable)
    if not path.is_file():
        raise Failed(Reason.FILE_NOT_FOUND)
    return path


def _picture(path: Path) -> Response:
    if not path.is_file() or path.is_symlink():
        raise Refusal(404)
    suffix = path.suffix[1:]
    kind = "image/jpeg" if suffix in ("jpg", "jpeg") else _TYPES.get(suffix, "image/png")
    return RangedFile(path, media_type=kind, headers=FOR_EVER)
