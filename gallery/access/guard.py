"""The guard of one route: who asks, whether a page of ours did, and whether the role is enough.

It leaves `request.state.person` (None where nobody has to sign in), `.form` and `.body`.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gallery.access import bodies, csrf, hosts, noted
from gallery.access.addresses import household
from gallery.access.barred import Barred, answer, plain
from gallery.access.keys import Key
from gallery.access.middleware import Entry
from gallery.access.places import sign_in_for
from gallery.access.roles import Kind, Person, Role
from gallery.access.sessions import Session
from supervisor_core.reasons import Reason


class Guarded:
    """Lets through to a route whoever has its role."""

    def __init__(self, app: ASGIApp, role: Role | None, kind: Kind) -> None:
        self._app = app
        self.role, self.kind = role, kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        entry, request = Entry.of(scope), Request(scope, receive)
        entry.guarded = True
        try:
            response, body = await self._look(entry, request, receive)
        except Barred as barred:
            response = self._said(request, barred)
        except bodies.Gone:
            return
        if response is not None:
            await response(scope, receive, send)
        elif request.method in csrf.SAFE:
            await self._app(scope, receive, send)
        else:
            await self._app(scope, bodies.replayed(body, receive), send)

    async def _look(
        self, entry: Entry, request: Request, receive: Receive
    ) -> tuple[Response | None, bytes]:
        """Why the request goes no further, if so, and its body."""
        request.state.form, request.state.body = {}, b""
        unsafe = request.method not in csrf.SAFE
        shown = self._shown_key(request)
        if unsafe:
            _refuse_foreign(entry, request, must_say=shown is None)
        session: Session | None = None
        if self.role is not None:
            session, key = session_of(entry, request) if shown is None else (None, None)
            key = key if shown is None else key_shown(entry, shown)
            if key is None:
                return self._signed_out(request), b""
            if key.role < self.role:
                raise Barred(403, Reason.ROLE_TOO_LOW, facts={"role": str(self.role)})
            request.state.person = person_of(entry, key, session)
        elif unsafe:
            session = entry.house.sessions.visitor(cookies_of(request))
        if not unsafe:
            return None, b""
        body = await bodies.read(request, receive)
        request.state.body, request.state.form = body, bodies.form(request, body)
        if shown is None:
            _refuse_without_token(entry, request, session)
        return None, body

    def _shown_key(self, request: Request) -> str | None:
        """The key that a program shows; pages are for browsers, which show a cookie."""
        shown = request.headers.getlist("authorization")
        if not shown or self.role is None or self.kind is Kind.PAGE:
            return None
        scheme, _, given = shown[0].partition(" ")
        if len(shown) > 1 or scheme.lower() != "bearer":
            raise Barred(400, Reason.BAD_REQUEST)
        return given.strip()

    def _signed_out(self, request: Request) -> Response:
        if self.kind is not Kind.PAGE:
            raise Barred(401, Reason.SIGN_IN_NEEDED, headers={"WWW-Authenticate": "Bearer"})
        if "hx-request" in request.headers:  # a part of a page: the browser is to leave all of it
            place = sign_in_for(_path_of(request.headers.get("hx-current-url", "")))
            raise Barred(401, Reason.SIGN_IN_NEEDED, headers={"HX-Redirect": place})
        return RedirectResponse(sign_in_for(_asked(request)), 303)

    def _said(self, request: Request, barred: Barred) -> Response:
        """Of files not even that they exist is told to whoever may not see them."""
        if self.kind is not Kind.FILE:
            return answer(request, barred)
        return plain(request, Barred(404, None) if barred.reason is Reason.ROLE_TOO_LOW else barred)


def session_of(entry: Entry, request: Request) -> tuple[Session | None, Key | None]:
    """The session of the browser and its key, as far as there are any."""
    return entry.house.sessions.read(cookies_of(request)) or (None, None)


def cookies_of(request: Request) -> str:
    """All cookies of a request; HTTP/2 may send them in several headers."""
    return ";".join(request.headers.getlist("cookie"))


def key_shown(entry: Entry, given: str) -> Key:
    """Whose key was shown; raises `Barred`: 401 for a wrong one, 429 after too many of them."""
    wrong = entry.wrong_keys
    tried = wrong.begin(household(entry.address))
    if isinstance(tried, int):
        headers = {"Retry-After": str(tried)}
        raise Barred(429, Reason.TOO_MANY_WRONG_KEYS, headers=headers, facts={"wait_s": tried})
    key = entry.house.keys.of(given)
    if key is None:
        noted.turned_away(entry)
        headers = {"WWW-Authenticate": "Bearer"}
        raise Barred(401, Reason.KEY_NOT_KNOWN, headers=headers)
    wrong.was_right(tried)
    return key


def token_of(entry: Entry, session: Session) -> str:
    """What the forms of a session carry."""
    return csrf.token(entry.house.keys.secret, session.id)


def person_of(entry: Entry, key: Key, session: Session | None) -> Person:
    """The person whose key it is."""
    session_id = session.id if session else f"key:{key.id}"
    return Person(key.name, key.role, session_id, token_of(entry, session) if session else "")


def _refuse_foreign(entry: Entry, request: Request, *, must_say: bool) -> None:
    https = entry.house.settings.gallery_https or request.url.scheme == "https"
    ours = hosts.origins_of(request.headers["host"], https=https)
    headers = request.headers
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    if not csrf.is_from_here(origins, sites, ours, must_say=must_say):
        raise Barred(403, Reason.FOREIGN_REQUEST)


def _refuse_without_token(entry: Entry, request: Request, session: Session | None) -> None:
    given = [*request.state.form.get(csrf.FIELD, []), *request.headers.getlist(csrf.HEADER)]
    if session is None or not csrf.fits(entry.house.keys.secret, session.id, given):
        raise Barred(403, Reason.FORM_OUTDATED)


def _asked(request: Request) -> str:
    """Where somebody wanted to go, as it was sent; a form is not sent again."""
    if request.method not in csrf.SAFE:
        return "/"
    path, words = request.scope.get("raw_path") or b"/", request.scope["query_string"]
    return (path + b"?" + words if words else path).decode("latin-1")


def _path_of(address: str) -> str:
    """The path of a page of ours that a browser shows."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    return parts.path + (f"?{parts.query}" if parts.query else "")
