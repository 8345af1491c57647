"""What a person decides about an item: hold, reject, release, take back."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from gallery.errors import Refusal
from gallery.house import House
from gallery.listing import reading
from gallery.listing.filters import Wanted
from gallery.pages.after import then
from supervisor_core.keys import MediaKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import reviews
from supervisor_core.store.database import Connection

Decide = Callable[[Connection, MediaKey, str, str, datetime], object]


def _release(
    connection: Connection, media: MediaKey, output: str, who: str, now: datetime
) -> object:
    return reviews.release(connection, media, output, who, now)


def _withdraw(connection: Connection, media: MediaKey, _: str, who: str, now: datetime) -> object:
    return reviews.withdraw(connection, media, who, now)


def _hold(connection: Connection, media: MediaKey, _: str, who: str, now: datetime) -> object:
    return reviews.hold(connection, [media], who, now)


def _reject(connection: Connection, media: MediaKey, _: str, who: str, now: datetime) -> object:
    return reviews.reject(connection, [media], who, now)


def _reopen(connection: Connection, media: MediaKey, _: str, who: str, now: datetime) -> object:
    return reviews.reopen(connection, [media], who, now)


DECISIONS: dict[str, Decide] = {
    "release": _release,
    "withdraw": _withdraw,
    "hold": _hold,
    "reject": _reject,
    "reopen": _reopen,
}


def decide(request: Request) -> Response:
    """Writes a decision about the file that its reader has seen, and goes on to the next item.

    The hash of that file comes with the form: another one by now is refused, not decided about.
    """
    house: House = request.app.state.house
    form = {name: values[0] for name, values in request.state.form.items()}
    step = DECISIONS.get(form.get("decision", ""))
    if step is None:
        raise Refusal(422)
    wanted = Wanted.read(form.get("list", ""))
    with house.snapshots.reading() as connection:
        item = reading.find(connection, request.path_params["item"])
        if item is None or item["media"] is None:
            raise Refusal(404)
        _, following = reading.beside(connection, wanted, item)
    if form.get("decision") == "release" and not form.get("output"):
        raise Failed(Reason.NOT_SEEN)
    house.looks.write()
    with house.writing() as connection:
        person, now = request.state.person, house.store.now()
        step(connection, MediaKey(item["media"]), form.get("output", ""), person.who, now)
    shown = following if following and form.get("go") == "next" else item["id"]
    return then(f"/items/{shown}?list={quote(wanted.query)}", item["id"], form["decision"])
