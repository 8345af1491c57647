"""The whole gallery: who reaches which address, and that no address leads to a file outside."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gallery_parts import Answer, ask, shown_by, signed_in
from pipeline_parts import House as Pipe
from starlette.routing import Route

from gallery.access.guard import Guarded
from gallery.access.roles import Kind, Role
from gallery.app import create_app
from gallery.house import House
from gallery.routes import ROUTES
from gallery.templating import STATIC
from supervisor_core.home import PRIVATE_FOLDERS
from supervisor_core.store.publishing import Publisher

# Whatever stands here may never be in an answer.
MARK = "Mustermann-1931"
OPEN = re.compile(r"/(sign-in|healthz|readyz|static/.*)")
PARAMETER = re.compile(r"\{(\w+)(:\w+)?\}")
WORDS = ("list", "next", "q", "at", "n", "page", "sort", "path", "file", "item", "to", "purpose")


@dataclass(frozen=True)
class Whole:
    """The application over a home with a cleaned item, one that lies aside, and a refused one."""

    app: Any
    house: House
    headers: Mapping[Role | None, dict[str, str]]
    secrets: tuple[bytes, ...]
    hashes: tuple[str, ...]

    def ask(self, who: Role | None, method: str, target: str) -> Answer:
        """Asks as somebody; nothing secret is in any answer."""
        answer = ask(self.app, method, target, self.headers[who])
        leaked = [secret for secret in self.secrets if secret in answer.body]
        assert not leaked, (method, target, who)
        return answer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    pipe = Pipe(tmp_path_factory.mktemp("whole"))
    lost = "frame_level = DECODE_FAILED\nroi_mask = DECODE_FAILED\n"
    for text in ("a cleaned one", f"{MARK} aside\n{lost}", f"{MARK} refused\nimport = NOT_A_FILE"):
        pipe.clean(pipe.arrive(text))
    assert [len(pipe.files(place)) for place in ("cleaned", "aside", "refused")] == [1, 1, 1]
    home = pipe.home
    for name in PRIVATE_FOLDERS:
        (home.root / name / "secret.txt").write_text(MARK)
    for path in (home.root / "secret.txt", home.root.parent / "secret.txt"):
        path.write_text(MARK)
    Publisher(home).publish()
    house = House(home, pipe.settings)
    house.keys.begin()
    app = create_app(house)
    known: dict[Role | None, dict[str, str]] = {None: {"origin": "http://127.0.0.1:3002"}}
    known |= {role: shown_by(signed_in(app, house, role)) for role in Role}
    keys = [home.root / "restricted.key", house.keys.first.path]
    told = [path.read_bytes().strip() for path in keys] + [
        key.hash.encode() for key in _keys(house)
    ]
    secrets = (MARK.encode(), b"root:x:", b"a cleaned one\n", house.keys.secret.hex().encode())
    yield Whole(app, house, known, (*secrets, *told), tuple(_hashes(home.root)))
    house.close()


def _keys(house: House) -> Any:
    return house.keys.all()


def _hashes(root: Path) -> Iterator[str]:
    for place in ("raw", "aside"):
        for path in (root / place).rglob("*.png"):
            yield path.stem


def guard_of(route: Route) -> Guarded:
    """What stands before a route; every route has it."""
    assert isinstance(route, Route)
    assert isinstance(route.app, Guarded), route.path
    return route.app


def methods_of(route: Route) -> list[str]:
    return sorted((route.methods or set()) - {"HEAD"})


def filled(route: Route, word: str = "0" * 16, only: str = "") -> str:
    """The address of a route with this word in place of its parameters, or of one of them."""
    known = {"name": "gallery.css"}
    return PARAMETER.sub(
        lambda found: word if only in ("", found[1]) else known.get(found[1], "x"), route.path
    )


TRAVERSALS = [
    "..", "../", "../../../../etc/passwd", "../secret.txt", "../../secret.txt", "./secret.txt",
    "..%2f..%2f..%2fetc%2fpasswd", "..%2Fsecret.txt", "%2e%2e/secret.txt", "%2e%2e%2fsecret.txt",
    "%252e%252e%252fsecret.txt", "..%252fsecret.txt", "....//secret.txt", "..;/secret.txt",
    "..\\secret.txt", "..%5csecret.txt", "%5c..%5csecret.txt", "..%c0%afsecret.txt",
    "%c0%ae%c0%ae/secret.txt", "..%e0%80%afsecret.txt", "..%u2216secret.txt", "%00", "..%00/x",
    "secret.txt%00.jpg", "secret.txt%00", "/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd",
    "file:///etc/passwd", "file:%2f%2f%2fetc%2fpasswd", "C:%5csecret.txt", "~/secret.txt",
    "%7e/secret.txt", "$HOME/secret.txt", "raw/secret.txt", "..%2faside%2fsecret.txt",
    "store%2fsupervisor.duckdb", "..%2fgallery.key", "..%2frestricted.key", "..%2f.%2fsecret.txt",
    "%2e%2e%5c%2e%2e%5csecret.txt", "..%0asecret.txt", "..%0d%0a/secret.txt", "..%20/secret.txt",
    "*", "%2a", "secret.txt%3fx", "..%ff", "\xe2\x80\xa5/secret.txt", "x" * 300, "%", "%zz",
    "http:%2f%2f127.0.0.1:3002%2fopen", "proc%2fself%2fenviron", "..%2f..%2fproc%2fself%2fenviron",
]  # fmt: skip
NOTHING = (303, 400, 403, 404, 405)


def targets(route: Route, word: str) -> Iterator[str]:
    """Where a traversal can stand in an address: in place of each parameter, or behind it."""
    names = [name for name, _ in PARAMETER.findall(route.path)]
    for name in names:
        yield filled(route, word, only=name)
    if not names:
        yield f"{route.path}/{word}"


@pytest.mark.parametrize("who", [None, *Role], ids=str)
def test_no_traversal_leads_to_a_file(whole: Whole, who: Role | None) -> None:
    assert len(TRAVERSALS) >= 40
    own = {name: (STATIC / name).read_bytes() for name in ("gallery.css",)}
    for route in ROUTES:
        for word in TRAVERSALS:
            for target in targets(route, word):
                method = methods_of(route)[0]
                answer = whole.ask(who, method, target)
                if method != "GET" and answer.status == 422:  # an empty form
                    continue
                served_own = answer.status == 200 and target.startswith("/static/")
                if served_own:  # whatever version the address names
                    assert answer.body == own[target.rpartition("/")[2]], target
                    continue
                refused = answer.status in NOTHING or (who is None and answer.status == 401)
                assert refused, (method, target, answer.status)


@pytest.mark.parametrize(("who", "step"), [(None, 1), (Role.ADMIN, 4)], ids=str)
def test_no_traversal_in_a_query_leads_to_a_file(whole: Whole, who: Role | None, step: int) -> None:
    for at, route in enumerate(ROUTES):
        if "GET" not in methods_of(route):
            continue
        for word in TRAVERSALS[at % step :: step]:
            query = "&".join(f"{name}={word}" for name in WORDS)
            answer = whole.ask(who, "GET", f"{filled(route)}?{query}")
            assert answer.status < 500, (route.path, word)
            where = answer.headers.get("location", "/")
            assert where.startswith("/"), (route.path, word)
            assert not where.startswith("//"), (route.path, word)


@pytest.mark.parametrize("who", [None, *Role], ids=str)
def test_no_hash_of_a_raw_file_is_an_address(whole: Whole, who: Role | None) -> None:
    assert len(whole.hashes) == 2
    for route in ROUTES:
        if guard_of(route).kind is not Kind.FILE or "GET" not in methods_of(route):
            continue
        for sha256 in whole.hashes:
            for method in ("GET", "HEAD"):
                answer = whole.ask(who, method, filled(route, sha256))
                assert answer.status in (401, 404), route.path


def test_every_route_has_a_guard_and_few_are_for_everybody() -> None:
    for route in ROUTES:
        guard = guard_of(route)
        assert guard.role in (None, *Role)
        assert (guard.role is None) == bool(OPEN.fullmatch(route.path)), route.path
        if guard.role is None and route.path != "/sign-in":
            assert methods_of(route) == ["GET"]
    assert len({(route.path, method) for route in ROUTES for method in methods_of(route)}) == sum(
        len(methods_of(route)) for route in ROUTES
    )


@pytest.mark.parametrize("who", [None, *Role], ids=str)
def test_nobody_reaches_what_is_for_a_higher_role(whole: Whole, who: Role | None) -> None:
    for route in ROUTES:
        guard = guard_of(route)
        if guard.role is None or (who is not None and who >= guard.role):
            continue
        for method in ("HEAD", *methods_of(route)) if "GET" in methods_of(route) else ("POST",):
            answer = whole.ask(who, method, filled(route))
            if who is None:
                expected = 303 if guard.kind is Kind.PAGE else 401
                assert answer.headers.get("location", "/sign-in").startswith("/sign-in")
            else:
                expected = 404 if guard.kind is Kind.FILE else 403
            assert answer.status == expected, (method, route.path)


def test_a_role_reaches_what_is_for_it(whole: Whole) -> None:
    for route in ROUTES:
        guard = guard_of(route)
        for who in Role:
            if "GET" in methods_of(route) and who >= (guard.role or Role.VIEWER):
                answer = whole.ask(who, "GET", filled(route))
                assert answer.status not in (401, 403), (who, route.path)


@pytest.mark.parametrize("who", Role, ids=str)
def test_without_a_token_nothing_is_changed(whole: Whole, who: Role) -> None:
    for route in ROUTES:
        for method in set(methods_of(route)) - {"GET"}:
            for missing in ("x-csrf-token", "origin"):
                headers = {**whole.headers[who], missing: ""}
                answer = ask(whole.app, method, filled(route), headers)
                assert answer.status in (403, 404), (method, route.path, missing)


def test_other_methods_are_not_taken(whole: Whole) -> None:
    for route in ROUTES:
        taken = {method for one in ROUTES if one.path == route.path for method in one.methods or ()}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - taken:
            answer = whole.ask(Role.ADMIN, method, filled(route))
            assert answer.status in (404, 405), (method, route.path)
