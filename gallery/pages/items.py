"""The list of items: find, narrow, sort, choose."""

from math import ceil

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gallery.errors import Refusal
from gallery.house import House
from gallery.listing import reading
from gallery.listing.badges import signs_of
from gallery.listing.filters import NAMED, ORDERS, PAGE_SIZE, TO_REVIEW, Wanted
from gallery.listing.listing import Listing
from gallery.pages.after import after_ns, just_done
from gallery.templating import render


def home(_: Request) -> Response:
    """The list is the first page."""
    return RedirectResponse("/items", 303)


def to_review(_: Request) -> Response:
    """What waits for a decision is a list like any other, under an address to remember."""
    return RedirectResponse(f"/items?{TO_REVIEW.query}", 303)


def show(request: Request) -> Response:
    """A page of the list that the address asks for."""
    house: House = request.app.state.house
    wanted = Wanted.of(request.query_params.multi_items())
    with house.snapshots.remembering(after_ns(request)) as (connection, memo):
        listing = Listing(connection, wanted, memo)
        total = listing.total
        pages = max(1, ceil(total / PAGE_SIZE))
        wanted = wanted.at(min(wanted.page, pages))
        found = {
            "wanted": wanted,
            "orders": ORDERS,
            "total": total,
            "pages": pages,
            "items": listing.page(wanted.page),
            "shelves": listing.shelves(),
            "unseen": reading.unseen(connection, memo) if wanted == Wanted() else [],
            "chips": _chips(wanted),
            "done": just_done(request, connection),
            "signs_of": signs_of,
        }
    return render(request, "items.html", found)


def tile(request: Request) -> Response:
    """One item of the list, for those that are being cleaned while somebody looks."""
    house: House = request.app.state.house
    with house.snapshots.reading() as connection:
        item = reading.find(connection, request.path_params["item"])
    if item is None:
        raise Refusal(404)
    wanted = Wanted.of(request.query_params.multi_items())
    found = {"item": item, "wanted": wanted, "signs_of": signs_of}
    return render(request, "tile.html", found)


def _chips(wanted: Wanted) -> list[tuple[str, Wanted]]:
    """Every filter that is set, in words, with the list without it."""
    chips = [
        (
            f"{NAMED[name].title}: {NAMED[name].words.get(value, value)}",
            wanted.without(name, value),
        )
        for name, value in wanted.values
    ]
    plain = (("text", "Words", wanted.text), ("since", "From", wanted.since))
    for name, title, value in (*plain, ("until", "Until", wanted.until)):
        if value:
            chips.append((f"{title}: {value}", wanted.without(name)))
    return chips
