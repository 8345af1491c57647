"""One thing done to many items: first how many that are, then, when confirmed, the thing itself.

Releasing is none of them: a person lets out one item after having looked at it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from gallery.errors import Refusal
from gallery.house import House
from gallery.listing import reading
from gallery.listing.filters import PAGE_SIZE, Wanted
from gallery.listing.listing import Listing
from gallery.pages.after import then
from gallery.templating import render
from supervisor_core.enrichment.modes import MODES
from supervisor_core.keys import MediaKey
from supervisor_core.store import asking, editing, reviews
from supervisor_core.store.database import Connection

MOST = 100_000
_AT_ONCE = 10_000  # in one transaction: others are to write between two of them
_AGAIN = "These are other items than before; look at them again."

Keys = Sequence[MediaKey]
Do = Callable[[Connection, Keys, str, str, datetime], object]


@dataclass(frozen=True)
class Action:
    """What may be done to many: its title, what it does, and what it asks for, if anything."""

    title: str
    do: Do
    asks: str = ""


def _tag(connection: Connection, media: Keys, text: str, who: str, now: datetime) -> None:
    editing.add_tags(connection, media, editing.read("tags", text), who, now)


def _collect(connection: Connection, media: Keys, text: str, who: str, now: datetime) -> None:
    editing.add_to_collections(connection, media, editing.read("collections", text), who, now)


def _hold(connection: Connection, media: Keys, _: str, who: str, now: datetime) -> None:
    reviews.hold(connection, media, who, now)


def _reject(connection: Connection, media: Keys, _: str, who: str, now: datetime) -> None:
    reviews.reject(connection, media, who, now)


def _reclean(connection: Connection, media: Keys, _: str, who: str, now: datetime) -> None:
    asking.ask_recleaning(connection, media, who, now)


def _enrich(connection: Connection, media: Keys, mode: str, who: str, now: datetime) -> None:
    if mode not in MODES and mode != "all":
        raise ValueError("a mode of enrichment")
    modes = list(MODES) if mode == "all" else [mode]
    asking.ask_enrichments(connection, modes, frozenset(media), who, now)


ACTIONS = {
    "tag": Action("Add tags", _tag, asks="tags, separated by commas"),
    "collect": Action("Put into collections", _collect, asks="collections, by commas"),
    "hold": Action("Hold back", _hold),
    "reject": Action("Reject", _reject),
    "reclean": Action("Clean again", _reclean),
    "enrich": Action("Enrich", _enrich, asks="mode"),
}


@dataclass(frozen=True)
class Meant:
    """Which items are meant, and by which words: the chosen ones, the page, or all results."""

    media: Keys
    scope: str
    wanted: Wanted

    @property
    def count(self) -> int:
        """How many."""
        return len(self.media)

    @property
    def mark(self) -> str:
        """Which: as many others have another mark."""
        return sha256("".join(sorted(self.media)).encode()).hexdigest()[:32]


def ask(request: Request) -> Response:
    """Shows how many items are meant, and asks for what the action needs."""
    form = request.state.form
    name, meant = _one(form, "action"), _meant(request)
    if name not in ACTIONS:
        raise Refusal(422)
    return _page(request, name, meant, "" if meant.count else "No items are chosen.")


def do(request: Request) -> Response:
    """Does it, if the items are still those that were shown.

    When that breaks off, some of them are done; to do it to all once more does no harm.
    """
    house: House = request.app.state.house
    form = request.state.form
    name, meant, value = _one(form, "action"), _meant(request), _one(form, "value")
    action = ACTIONS.get(name)
    if action is None:
        raise Refusal(422)
    if meant.mark != _one(form, "mark") or not meant.count:
        return _page(request, name, meant, _AGAIN)
    who = request.state.person.who
    try:
        for start in range(0, meant.count, _AT_ONCE):
            some = meant.media[start : start + _AT_ONCE]
            with house.writing() as connection:
                action.do(connection, some, value, who, house.store.now())
    except ValueError as error:
        return _page(request, name, meant, f"Wanted is {error}.")
    return then(f"/items?{meant.wanted.query}", deed=name, count=meant.count)


def _meant(request: Request) -> Meant:
    house: House = request.app.state.house
    form = request.state.form
    wanted = Wanted.read(_one(form, "list"))
    scope = _one(form, "scope")
    with house.snapshots.reading() as connection:
        if scope == "all":
            found = Listing(connection, wanted).media(MOST)
        elif scope == "page":
            found = _of_page(connection, wanted)
        else:
            scope = "chosen"
            found = _chosen(connection, form.get("item", [])[:PAGE_SIZE])
    return Meant([MediaKey(media) for media in found], scope, wanted)


def _of_page(connection: Connection, wanted: Wanted) -> list[str]:
    rows = Listing(connection, wanted).page(wanted.page)
    return [row["media"] for row in rows if row["media"]]


def _chosen(connection: Connection, items: Sequence[str]) -> list[str]:
    rows = (reading.find(connection, item) for item in dict.fromkeys(items))
    return [row["media"] for row in rows if row is not None and row["media"]]


def _page(request: Request, name: str, meant: Meant, trouble: str) -> Response:
    values = {
        "action": ACTIONS[name],
        "name": name,
        "meant": meant,
        "chosen": request.state.form.get("item", [])[:PAGE_SIZE],
        "trouble": trouble,
        "modes": list(MODES),
        "most": MOST,
    }
    return render(request, "bulk.html", values, status=200 if not trouble else 409)


def _one(form: dict[str, list[str]], name: str) -> str:
    return form.get(name, [""])[0]
