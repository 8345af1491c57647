"""The page of one item: its picture, what is known of it, and what a person may do with it."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from gallery import detail
from gallery.access.roles import Role
from gallery.detail import Detail
from gallery.errors import Refusal
from gallery.files import PLAYABLE, SHOWABLE
from gallery.house import House
from gallery.listing import reading
from gallery.listing.badges import signs_of
from gallery.listing.filters import Wanted
from gallery.pages.after import after_ns, just_done
from gallery.pages.compare import PURPOSES
from gallery.templating import render
from supervisor_core import lineage
from supervisor_core.keys import MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.store import traces

_TRACE_MOST = 300


def show(request: Request) -> Response:
    """An item, with the one before and the one after it in the list that its reader came from."""
    house: House = request.app.state.house
    wanted = list_of(request)
    with house.snapshots.reading(after_ns(request, request.path_params["item"])) as connection:
        found = detail.read(connection, request.path_params["item"], datetime.now(UTC))
        if found is None:
            raise Refusal(404)
        before, following = reading.beside(connection, wanted, found.item)
        done = just_done(request, connection)
    person = request.state.person
    _note_look(house, found, request)
    values = {
        "found": found,
        "item": found.item,
        "wanted": wanted,
        "before": before,
        "following": following,
        "done": done,
        "signs": signs_of(found.item),
        "playable": found.item["file_kind"] in PLAYABLE,
        "showable": found.item["file_kind"] in SHOWABLE,
        "reviews": person.role >= Role.REVIEWER,
        "granted": _granted(house, request, found),
        "purposes": PURPOSES,
        "reason": Reason[found.item["reason"]] if found.item["reason"] else None,
        "sd": request.query_params.get("size") == "sd",
        "at_s": _seconds(request.query_params.get("at", "")),
        "ui_url": lineage.address(house.home, house.settings) or "",
        "signs_of": signs_of,
    }
    return render(request, "item.html", values)


def history(request: Request) -> Response:
    """Everything that happened to an item, the newest first; asked for apart, since it is long."""
    house: House = request.app.state.house
    with house.snapshots.reading() as connection:
        item = reading.find(connection, request.path_params["item"])
        if item is None or item["media"] is None:
            raise Refusal(404)
        trace = traces.trace(connection, item["media"])[-_TRACE_MOST:]
    return render(request, "history.html", {"item": item, "trace": trace})


def list_of(request: Request) -> Wanted:
    """The list that the reader came from, as the address of the item says."""
    return Wanted.read(request.query_params.get("list", ""))


def _granted(house: House, request: Request, found: Detail) -> bool:
    media = found.item["media"]
    return media is not None and house.grants.has(request.state.person.session_id, media)


def _note_look(house: House, found: Detail, request: Request) -> None:
    """Writes that somebody looks; a store that is busy keeps nobody from looking."""
    item, person = found.item, request.state.person
    ahead = "prefetch" in request.headers.get("sec-purpose", "")  # nobody is there to see it
    if item["file"] is None or request.method != "GET" or ahead:
        return
    house.looks.add(
        MediaKey(item["media"]), item["file"], person.who, reviewing=person.role >= Role.REVIEWER
    )


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e7 else None
