"""What a person writes about an item; no machine overwrites it until it is given back."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from gallery.errors import Refusal
from gallery.house import House
from gallery.listing import reading
from gallery.listing.filters import Wanted
from gallery.pages.after import then
from supervisor_core.keys import MediaKey
from supervisor_core.store import editing


def write(request: Request) -> Response:
    """Writes one field, or gives it back to the machines."""
    house: House = request.app.state.house
    form = {name: values[0] for name, values in request.state.form.items()}
    name = form.get("field", "")
    if name not in editing.FIELDS:
        raise Refusal(422)
    with house.snapshots.reading() as connection:
        item = reading.find(connection, request.path_params["item"])
    if item is None or item["media"] is None or item["file"] is None:
        raise Refusal(404)
    media, who = MediaKey(item["media"]), request.state.person.who
    try:
        value = None if "unlock" in form else editing.read(name, form.get("value", ""))
    except ValueError as error:
        raise Refusal(422, facts={"wanted": str(error)}) from None
    with house.writing() as connection:
        if "unlock" in form:
            editing.unlock(connection, media, name, who, house.store.now())
        else:
            editing.write(connection, media, name, value, who, house.store.now())
    wanted = Wanted.read(form.get("list", ""))
    return then(f"/items/{item['id']}?list={quote(wanted.query)}#words", item["id"])
