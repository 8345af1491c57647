"""Sessions: a signed cookie that names a key, for so many hours and until it is signed out.

Who has shown no key yet has a cookie as well, so that the form of the sign-in is bound to one
browser as all others are. A right key begins a new session: nobody can be given one beforehand.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.responses import Response

from gallery.access.keys import Key, Keys
from gallery.access.owned import Mark, OwnedFile, unusable
from supervisor_core.home import Home
from supervisor_core.settings import Settings

_SALT = "supervisor gallery session"
_MOST_ENDED = 10_000
_LONGEST_COOKIE = 1024
_VISITOR = "_form"
_CLOCK_S = 60  # by so much a clock may be put back while somebody is signed in


@dataclass(frozen=True)
class Session:
    """A session as the cookie tells of it; `key_id` is empty before the sign-in."""

    id: str
    key_id: str

    @classmethod
    def begin(cls, key: Key | None = None) -> "Session":
        """A new session, of a key or of somebody unknown."""
        return cls(secrets.token_hex(16), key.id if key else "")


class Sessions:
    """Writes and reads the cookies of one home."""

    def __init__(
        self,
        home: Home,
        keys: Keys,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._age_s = settings.gallery_session_h * 3600
        self._https = settings.gallery_https
        self._clock = clock
        self._ended = Ended(OwnedFile(home.store / "gallery" / "ended.json"), clock)

    @property
    def cookie_name(self) -> str:
        """Cookies know no ports: the name keeps two homes on a machine apart."""
        name = f"gallery_{sha256(self._keys.secret).hexdigest()[:8]}"
        return f"__Host-{name}" if self._https else name

    def read(self, cookies: str) -> tuple[Session, Key] | None:
        """The session of a Cookie header and its key, unless it is wrong, too old or ended."""
        session = self._read(cookies, self.cookie_name)
        if session is None or session.id in self._ended:
            return None
        key = self._keys.by_id(session.key_id)
        return (session, key) if key else None

    def visitor(self, cookies: str) -> Session | None:
        """The session of the form that signs in. It has a cookie of its own: a link from another
        site leads here without the other, which must not be lost by that.
        """
        session = self._read(cookies, self.cookie_name + _VISITOR)
        return session if session and not session.key_id else None

    def write(self, response: Response, session: Session, *, secure: bool) -> None:
        """Gives the browser this session."""
        response.set_cookie(
            self.cookie_name + ("" if session.key_id else _VISITOR),
            self._signer().dumps([session.id, session.key_id, self._clock()]),
            max_age=int(self._age_s),
            path="/",
            secure=secure or self._https,
            httponly=True,
            samesite="strict",
        )

    def end(self, response: Response, session: Session, *, secure: bool) -> None:
        """Ends a session for good, also for whoever has a copy of its cookie."""
        self._ended.add(session.id, self._clock() + self._age_s)
        response.delete_cookie(
            self.cookie_name,
            path="/",
            secure=secure or self._https,
            httponly=True,
            samesite="strict",
        )

    def _signer(self) -> URLSafeSerializer:
        return URLSafeSerializer(self._keys.secret, _SALT, signer_kwargs={"digest_method": sha256})

    def _read(self, cookies: str, name: str) -> Session | None:
        text = _value(cookies, name)
        if not 0 < len(text) <= _LONGEST_COOKIE:
            return None
        try:
            session_id, key_id, moment = self._signer().loads(text)
        except (BadSignature, ValueError, TypeError):
            return None
        age_s = self._clock() - float(moment)
        return Session(session_id, key_id) if -_CLOCK_S <= age_s <= self._age_s else None


class Ended:
    """The sessions that were signed out, each kept until its cookie would be too old anyway."""

    def __init__(self, file: OwnedFile, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._mark: Mark | None = None
        self._until: dict[str, float] = {}

    def __contains__(self, session_id: str) -> bool:
        with self._lock:
            mark = self._file.mark()
            if mark != self._mark:
                self._until, self._mark = self._load(), mark
            return session_id in self._until

    def add(self, session_id: str, until: float) -> None:
        """Remembers a session until then."""
        with self._file.held():
            now = self._clock()
            kept = [pair for pair in self._load().items() if pair[1] > now]
            kept = [*kept, (session_id, until)][-_MOST_ENDED:]
            self._file.write(json.dumps(dict(kept)).encode())

    def _load(self) -> dict[str, float]:
        content = self._file.read()
        if content is None:
            return {}
        try:
            return {str(one): float(until) for one, until in json.loads(content).items()}
        except (ValueError, TypeError, AttributeError):
            raise unusable("damaged") from None


def _value(cookies: str, name: str) -> str:
    """The value of the one cookie of this name; two of them are none."""
    parts = (part.strip().partition("=") for part in cookies.split(";"))
    found = [value for key, _, value in parts if key == name]
    return found[0] if len(found) == 1 else ""
