"""Who is let through: every host with every origin, method, kind of content and path."""

from itertools import product

import pytest

from supervisor_assets.guard.rules import Headers, Refused, Rules, hosts_of, key_of

PORT = 3000
TOKEN = "a token of some length"
OURS = ["127.0.0.1:3000", "localhost:3000", "[::1]:3000", "LocalHost:3000", "media.example"]
FOREIGN = [
    "",
    "localhost",
    "localhost:3001",
    "127.0.0.1",
    "localhost.:3000",
    "localhost:3000.evil.example",
    "evil.example:3000",
    "evil.example",
    "127.0.0.1:3000@evil.example",
    "evil.example/127.0.0.1:3000",
    "127.0.0.1:3000,evil.example",
    "0.0.0.0:3000",
    "127.1:3000",
    "2130706433:3000",
    "[::ffff:127.0.0.1]:3000",
    "media.example:3000",
    "media.example.evil.example",
]
ORIGINS = {
    "none": lambda host: None,
    "ours": lambda host: f"http://{host}",
    "ours, encrypted": lambda host: f"https://{host}",
    "null": lambda host: "null",
    "empty": lambda host: "",
    "other port": lambda host: "http://127.0.0.1:3001",
    "other name of ours": lambda host: "http://other.example",
    "longer": lambda host: f"http://{host}.evil.example",
    "user": lambda host: f"http://{host}@evil.example",
    "path": lambda host: f"http://{host}/",
    "scheme": lambda host: f"ftp://{host}",
    "two": lambda host: f"http://{host} http://evil.example",
}
RIGHT_ORIGINS = {"ours", "ours, encrypted"}
KINDS = [
    None,
    "",
    "text/plain",
    "text/plain; application/json",
    "application/json; boundary=x",
    "application/jsonx",
    "application/graphql",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json, text/plain",
]
JSON = ["application/json", "Application/JSON", "application/json; charset=utf-8"]
PATHS = ["/", "/graphql", "/runs/abc", "/report_asset_materialization/videos"]


def asked(
    method: str = "GET",
    path: str = "/",
    host: str = "127.0.0.1:3000",
    origin: str | None = None,
    kind: str | None = None,
    query: str = "",
    **more: str,
) -> dict[str, object]:
    """A request as a server hands it on."""
    named = {"host": host, "origin": origin, "content-type": kind, **more}
    pairs = {name.replace("_", "-"): value for name, value in named.items() if value is not None}
    return {
        "type": "websocket" if method == "WEBSOCKET" else "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in pairs.items()],
    }


RULES = Rules(PORT, hosts_of(["media.example", " "]))


@pytest.mark.parametrize("host", OURS + FOREIGN)
@pytest.mark.parametrize("origin", ORIGINS)
def test_only_our_own_pages_under_our_own_names_may_ask(host: str, origin: str) -> None:
    for method, kind, path in product(["GET", "POST", "WEBSOCKET"], JSON + KINDS, PATHS):
        scope = asked(method, path, host, ORIGINS[origin](host), kind)
        allowed = (
            host in OURS
            and (origin in RIGHT_ORIGINS or (origin == "none" and method == "GET"))
            and (method != "POST" or kind in JSON)
            and (method != "WEBSOCKET" or path == "/graphql")
        )
        assert (RULES.refuse(scope) is None) == allowed, (method, kind, path)


@pytest.mark.parametrize(
    "method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", ""]
)
def test_other_methods_are_refused(method: str) -> None:
    scope = asked(method, origin="http://127.0.0.1:3000", kind="application/json")
    assert RULES.refuse(scope) is Refused.METHOD


@pytest.mark.parametrize("words", ["query=mutation{x}", "a=1&query={x}", "%71uery=x", "query="])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/GraphQL", "//graphql"])
def test_no_query_is_carried_out_from_an_address(words: str, path: str) -> None:
    assert RULES.refuse(asked(path=path, query=words)) is Refused.GRAPHQL_IN_ADDRESS
    assert RULES.refuse(asked(path=path, query=words, accept="text/html")) is None
    assert RULES.refuse(asked(path="/runs", query=words)) is None


@pytest.mark.parametrize("path", ["http://evil.example/", "", "*", "/a\r\nb", "/a\0b", "/\x1b"])
def test_what_is_no_path_of_ours_is_refused(path: str) -> None:
    assert RULES.refuse(asked(path=path)) is Refused.MALFORMED


def test_headers_that_come_twice_decide_nothing() -> None:
    for name, value, refused in [
        (b"host", b"127.0.0.1:3000", Refused.HOST),
        (b"origin", b"http://127.0.0.1:3000", Refused.ORIGIN),
        (b"content-type", b"application/json", Refused.NOT_JSON),
    ]:
        scope = asked("POST", origin="http://127.0.0.1:3000", kind="application/json")
        assert RULES.refuse(scope) is None
        scope["headers"].append((name, value))
        assert RULES.refuse(scope) is refused


def test_a_head_has_an_end() -> None:
    scope = asked()
    scope["headers"] += [(b"x", b"")] * 100
    assert RULES.refuse(scope) is Refused.HEAD_TOO_LARGE
    assert RULES.refuse(asked(cookie="x" * 40_000)) is Refused.HEAD_TOO_LARGE


def test_a_body_has_one_length() -> None:
    scope = asked(content_length="3", transfer_encoding="chunked")
    assert RULES.refuse(scope) is Refused.MALFORMED


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_nothing_is_drawn_into_pages_of_others(site: str) -> None:
    assert RULES.refuse(asked(sec_fetch_site=site, sec_fetch_mode="no-cors")) is Refused.ORIGIN
    assert RULES.refuse(asked(sec_fetch_site=site, sec_fetch_mode="navigate")) is None
    assert RULES.refuse(asked(sec_fetch_site="same-origin", sec_fetch_mode="cors")) is None


def test_the_usual_port_need_not_be_written() -> None:
    assert Rules(80).refuse(asked(host="localhost")) is None
    assert RULES.refuse(asked(host="localhost")) is Refused.HOST


LOCKED = Rules(PORT, token=TOKEN)


@pytest.mark.parametrize(
    ("more", "admitted"),
    [
        ({}, False),
        ({"authorization": f"Bearer {TOKEN}"}, True),
        ({"authorization": f"bearer {TOKEN}"}, True),
        ({"authorization": f"Bearer {TOKEN}x"}, False),
        ({"authorization": f"Basic {TOKEN}"}, False),
        ({"authorization": "Bearer "}, False),
        ({"cookie": f"supervisor_3000={LOCKED.cookie}"}, True),
        ({"cookie": f"a=b; supervisor_3000={LOCKED.cookie}; c"}, True),
        ({"cookie": f"supervisor_3000={TOKEN}"}, False),
        ({"cookie": f"supervisor_3001={LOCKED.cookie}"}, False),
        ({"cookie": "supervisor_3000="}, False),
        ({"cookie": "supervisor_3000"}, False),
    ],
)
def test_where_a_token_is_set_it_is_asked_for_everywhere(
    more: dict[str, str], admitted: bool
) -> None:
    for method, path in [("GET", "/"), ("GET", "/favicon.png"), ("POST", "/graphql")]:
        scope = asked(method, path, origin="http://127.0.0.1:3000", kind=JSON[0], **more)
        assert (LOCKED.refuse(scope) is None) == admitted
        assert LOCKED.refuse(scope) in (None, Refused.NO_TOKEN)
    socket = asked("WEBSOCKET", "/graphql", origin="http://127.0.0.1:3000", **more)
    assert (LOCKED.refuse(socket) is None) == admitted


def test_the_token_does_not_open_the_door_to_other_sites() -> None:
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert LOCKED.refuse(asked(host="evil.example", **bearer)) is Refused.HOST
    foreign = asked("POST", origin="http://evil.example", kind=JSON[0], **bearer)
    assert LOCKED.refuse(foreign) is Refused.ORIGIN


def test_the_cookie_is_not_the_token_and_changes_with_it() -> None:
    assert TOKEN not in LOCKED.cookie
    assert LOCKED.cookie != Rules(PORT, token=f"{TOKEN}.").cookie


def test_a_key_is_taken_from_the_address_of_a_page_only() -> None:
    assert key_of(asked(query="a=1&token=t")) == "t"
    assert key_of(asked("POST", query="token=t")) is None
    assert key_of(asked()) is None
    assert LOCKED.is_key(TOKEN)
    assert not LOCKED.is_key(f"{TOKEN} ")
    assert not Rules(PORT).is_key("")


def test_no_answer_repeats_what_was_asked() -> None:
    assert all(refused.sentence.endswith(".") for refused in Refused)
    assert Headers(asked(cookie="a=1")).cookie("b") == b""
