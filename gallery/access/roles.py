"""Who somebody is, what a role may do, and routes that say which role they need."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Role(IntEnum):
    """What a person may do; each role may also do what the ones before it may."""

    VIEWER = 1
    REVIEWER = 2
    ADMIN = 3

    @classmethod
    def of(cls, word: str) -> "Role":
        """The role of this name; raises ValueError."""
        try:
            return cls[word.upper()]
        except KeyError:
            raise ValueError("no such role") from None

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Person:
    """Somebody who has shown a key; `csrf` is what an unsafe form of this session has to carry."""

    name: str
    role: Role
    session_id: str
    csrf: str

    @property
    def who(self) -> str:
        """The name as the audit has it."""
        return f"gallery:{self.name}"

    def may(self, role: Role | str) -> bool:
        """True when this person has at least this role."""
        return self.role >= (role if isinstance(role, Role) else Role.of(role))


class Kind(Enum):
    """What a route answers with, which decides how it says no."""

    PAGE = "page"
    DATA = "data"
    FILE = "file"


def guarded(role: Role | None, kind: Kind = Kind.PAGE) -> Middleware:
    """What stands before a route that this role may use; None is for everybody."""
    from gallery.access.guard import Guarded

    return Middleware(Guarded, role=role, kind=kind)


def page(
    path: str,
    endpoint: Callable[[Request], Response],
    *,
    role: Role | None,
    methods: Sequence[str] = ("GET",),
    kind: Kind | None = None,
) -> Route:
    """A route with the least role that may use it; there is no route without one."""
    stand = guarded(role, kind or _kind_of(path))
    return Route(path, endpoint, methods=list(methods), middleware=[stand])


def _kind_of(path: str) -> Kind:
    if path.startswith("/api/"):
        return Kind.DATA
    is_file = path.startswith("/files/") or path.endswith((".jpg", ".png", ".vtt"))
    return Kind.FILE if is_file else Kind.PAGE
