"""Frames before and after cleaning, for a reviewer who has said what for.

The raw file itself is never served: what is shown is drawn of one frame, in a child, for one
reader, for a quarter of an hour, and kept nowhere. What it is for stands in the audit.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from gallery.errors import Refusal
from gallery.files import moment_of
from gallery.house import House
from gallery.listing import reading
from gallery.listing.filters import Wanted
from gallery.listing.reading import Row
from gallery.pages.after import then
from supervisor_core.keys import MediaKey
from supervisor_core.pipeline import places
from supervisor_core.store import audit, gate, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.audit import Deed

PURPOSES = {
    "masking": "See whether everything was masked",
    "too_much": "See whether too much was masked",
    "failed": "See why it could not be cleaned",
    "asked": "Somebody who may ask has asked about this item",
    "fault": "Look for a fault of the program",
}
_NOTE_MOST = 200
_SIDE = 1280
_SECRET = {"Cache-Control": "no-store"}


def begin(request: Request) -> Response:
    """Writes what for, and lets this session see frames of this one item."""
    house: House = request.app.state.house
    item = _media(request)
    form = request.state.form
    purpose = (form.get("purpose") or [""])[0]
    note = " ".join((form.get("note") or [""])[0].split())[:_NOTE_MOST]
    if purpose not in PURPOSES:
        raise Refusal(422)
    deed = Deed("see_raw", item["media"], {"purpose": purpose, "note": note})
    with house.writing() as connection:
        audit.write(connection, request.state.person.who, [deed], house.store.now())
    house.grants.give(request.state.person.session_id, item["media"])
    wanted = Wanted.read((form.get("list") or [""])[0])
    return then(f"/items/{item['id']}?list={quote(wanted.query)}#compare", item["id"])


def before(request: Request) -> Response:
    """A frame of the raw file."""
    house: House = request.app.state.house
    item = _media(request)
    if not house.grants.has(request.state.person.session_id, item["media"]):
        raise Refusal(403)
    at_s, index = moment_of(request)
    content = _drawn(house, MediaKey(item["media"]), at_s, index)
    return Response(content, media_type="image/jpeg", headers=_SECRET)


def _drawn(house: House, key: MediaKey, at_s: float | None, index: int | None) -> bytes:
    """The raw frame that the cleaned one of this moment was made of, or of the raw file alone."""
    with house.snapshots.reading() as connection:
        media = media_table.load(connection, [key])[key]
        passed = gate.pass_gate(media, outputs.current(connection, [key]).get(key))
    draw = house.drawer
    if passed is not None:
        pair = draw.before_and_after(media, passed, at_s=at_s, index=index, longest_side=_SIDE)
        return pair.before.jpeg
    path = places.raw_source(house.home, media)
    return draw.frame(path, at_s=at_s, index=index, longest_side=_SIDE, secret=True)


def _media(request: Request) -> Row:
    house: House = request.app.state.house
    with house.snapshots.reading() as connection:
        item = reading.find(connection, request.path_params["item"])
    if item is None or item["media"] is None:
        raise Refusal(404)
    return item
