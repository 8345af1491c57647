"""Signing in with a key, and out again."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gallery.access import noted
from gallery.access.barred import Barred
from gallery.access.guard import cookies_of, key_shown, person_of, session_of, token_of
from gallery.access.middleware import Entry
from gallery.access.places import SIGN_IN, local, sign_in_for
from gallery.access.sessions import Session
from gallery.templating import render
from supervisor_core.reasons import Reason


def show(request: Request) -> Response:
    """The form, or where it leads for whoever is signed in."""
    entry = Entry.of(request.scope)
    place = local(request.query_params.get("next", ""))
    _, key = session_of(entry, request)
    if key is not None:
        return RedirectResponse(place, 303)
    if request.headers.get("sec-fetch-site") == "cross-site":
        # The browser keeps our cookie back on the way from another site; from our own page it
        # shows it, so whoever is signed in only passes through.
        return render(request, "sign_in_again.html", {"place": sign_in_for(place)})
    return _form(request, entry, place)


def sign_in(request: Request) -> Response:
    """Begins a session if the key is right; says in words why not otherwise."""
    entry = Entry.of(request.scope)
    place = local(_field(request, "next"))
    try:
        key = key_shown(entry, _field(request, "key").strip())
    except Barred as barred:
        return _form(request, entry, place, barred)
    response = RedirectResponse(place, 303)
    entry.house.sessions.write(response, Session.begin(key), secure=_is_secure(request))
    noted.came_in(entry, person_of(entry, key, None).who)
    return response


def sign_out(request: Request) -> Response:
    """Ends the session, and has the browser forget the pictures it has kept."""
    entry = Entry.of(request.scope)
    session, _ = session_of(entry, request)
    response = RedirectResponse(SIGN_IN, 303, {"Clear-Site-Data": '"cache"'})
    if session is not None:
        entry.house.sessions.end(response, session, secure=_is_secure(request))
    return response


def _form(request: Request, entry: Entry, place: str, barred: Barred | None = None) -> Response:
    sessions = entry.house.sessions
    session = sessions.visitor(cookies_of(request)) or Session.begin()
    values = {
        "csrf": token_of(entry, session),
        "place": place,
        "reason": barred.reason if barred else None,
        "wait_s": barred.facts.get("wait_s") if barred else None,
    }
    status, headers = (barred.status, barred.headers) if barred else (200, {})
    response = render(request, "sign_in.html", values, status=status, headers=headers)
    sessions.write(response, session, secure=_is_secure(request))
    return response


def _field(request: Request, name: str) -> str:
    values = request.state.form.get(name, [])
    if len(values) > 1:
        raise Barred(400, Reason.BAD_REQUEST)
    return values[0] if values else ""


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"
