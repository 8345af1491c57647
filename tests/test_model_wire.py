"""What no model server sends, but whoever sits in its place might: the client comes through."""

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from supervisor_core.model.ollama import Limits, ModelServer
from supervisor_core.reasons import Failed, Reason

LIMITS = Limits(connect_s=0.5, read_s=0.5, total_s=0.8, answer_bytes=200_000)
LIST = json.dumps({"models": [{"name": "m", "model": "m", "digest": "d"}]}).encode()
DONE = b'{"message": {"role": "assistant", "content": "hi"}, "done": true}\n'

Talk = Callable[[socket.socket], object]


def sends(body: bytes, headers: bytes = b"", status: bytes = b"200 OK") -> Talk:
    head = b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n" % (status, headers, len(body))
    return lambda connection: connection.sendall(head + body)


def repeats(first: bytes, again: bytes, every_s: float = 0.0) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(again)
            time.sleep(every_s)

    return talk


def says_nothing(connection: socket.socket) -> None:
    """Does not even take what it is sent."""
    connection.recv(1, socket.MSG_PEEK)
    time.sleep(2 * LIMITS.total_s)


class Stranger:
    """Answers the list of models with one thing, and a question with another."""

    def __init__(self, asked: Talk, listed: bytes = LIST) -> None:
        self._asked, self._listed = asked, sends(listed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Stranger":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        """The list of models comes first, then the question, on the same connection."""
        connection.recv(65536)
        self._listed(connection)
        if self._asked is says_nothing or _question(connection):
            self._asked(connection)


def _question(connection: socket.socket) -> bool:
    """Takes a whole request; what is left unread would cut the answer off."""
    request = b""
    while b"\r\n\r\n" not in request and (more := connection.recv(65536)):
        request += more
    head, _, body = request.partition(b"\r\n\r\n")
    missing = int(re.findall(rb"(?i)content-length: (\d+)", head)[0]) - len(body) if head else 0
    while missing > 0 and (more := connection.recv(65536)):
        missing -= len(more)
    return bool(request)


def outcome(stranger: Stranger, picture: bytes = b"") -> str:
    started = time.monotonic()
    with stranger:
        try:
            server = ModelServer(stranger.url, limits=LIMITS)
            return server.ask("m", "What?", [picture] if picture else []).text
        except Failed as failed:
            assert "secret" not in str(failed)  # noqa: PT017
            return failed.reason.value
        finally:
            assert time.monotonic() - started < LIMITS.total_s + 1


@pytest.mark.parametrize(
    "talk",
    [
        sends(DONE),
        sends(DONE.strip()),
        sends(DONE, b"Content-Type: text/plain; charset=utf-16\r\n"),
        sends(DONE, b"Content-Type: text/plain; charset=zlib_codec\r\n"),
        sends(DONE, b"Content-Encoding: identity\r\n"),
    ],
)
def test_headers_change_nothing_of_an_answer(talk: Talk) -> None:
    assert outcome(Stranger(talk)) == "hi"


NOT_AN_ANSWER = {
    "an abyss": sends(b"[" * 100_000),
    "an abyss of objects": sends(b'{"a":' * 30_000),
    "a huge number": sends(b'{"done": ' + b"9" * 5000 + b"}"),
    "a list": sends(b"[1]"),
    "a number": sends(b"NaN"),
    "an error that is a list": sends(b'{"error": ["secret"]}'),
    "wrong types": sends(b'{"message": {"role": "a", "content": "x"}, "done": [true]}'),
    "no content": sends(b"", status=b"204 No Content"),
    "another protocol": sends(b"", status=b"101 Switching Protocols"),
    "packed": sends(DONE, b"content-encoding: BR\r\n"),
    "packed once of two": sends(DONE, b"Content-Encoding: gzip\r\nContent-Encoding: identity\r\n"),
    "endless headers": repeats(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"),
    "nothing but line ends": repeats(b"HTTP/1.1 200 OK\r\n\r\n", b"\n" * 65536),
    "a refusal that is a list": sends(b"[1]", status=b"401 Unauthorized"),
    "a page that is not there": sends(b"404 page not found", status=b"404 Not Found"),
}


@pytest.mark.parametrize("name", NOT_AN_ANSWER)
def test_what_is_no_answer_is_told(name: str) -> None:
    assert outcome(Stranger(NOT_AN_ANSWER[name])) == Reason.NOT_AN_ANSWER


OTHER: dict[str, tuple[Talk, Reason]] = {
    "go on": (repeats(b"", b"HTTP/1.1 100 Go on\r\n\r\n" * 99), Reason.ANSWER_TOO_LARGE),
    "go on, slowly": (repeats(b"", b"HTTP/1.1 100 Go on\r\n\r\n", 0.1), Reason.TIMEOUT),
    "no reason given": (sends(b"", status=b"500 Oh"), Reason.MODEL_ERROR),
    "no entry": (sends(b'{"error": "secret"}', status=b"401 No"), Reason.HTTP_ERROR),
    "a proxy": (sends(b"<html>", status=b"502 Bad Gateway"), Reason.OLLAMA_DOWN),
    "too many": (sends(b"{}", status=b"429 Slow down"), Reason.MODEL_BUSY),
    "gone": (lambda connection: None, Reason.TRANSPORT_ERROR),
    "half a status": (lambda c: c.sendall(b"HTTP/1.1 20"), Reason.TRANSPORT_ERROR),
}


@pytest.mark.parametrize("name", OTHER)
def test_what_goes_wrong_otherwise_is_told(name: str) -> None:
    talk, reason = OTHER[name]
    assert outcome(Stranger(talk)) == reason


def test_whoever_does_not_take_the_picture_is_left() -> None:
    assert outcome(Stranger(says_nothing), b"x" * 8_000_000) == Reason.TIMEOUT


LISTS: dict[bytes, Reason] = {
    b"[" * 100_000: Reason.NOT_AN_ANSWER,
    b"9" * 5000: Reason.NOT_AN_ANSWER,
    b"\xff\xfe\x00": Reason.NOT_AN_ANSWER,
    b'{"models": null}': Reason.NOT_AN_ANSWER,
    b'{"models": 5}': Reason.NOT_AN_ANSWER,
    b'{"models": [1]}': Reason.NOT_AN_ANSWER,
    b'{"models": [{}]}': Reason.NOT_AN_ANSWER,
    b'{"models": []}': Reason.NO_MODELS,
    b'{"models": [{"name": "secret"}]}': Reason.MODEL_MISSING,
    b'{"models": [{"name": "m", "remote_host": "http://[::1"}]}': Reason.MODEL_HOST_FORBIDDEN,
}


@pytest.mark.parametrize("listed", LISTS, ids=lambda listed: listed[:40].decode("latin-1"))
def test_a_list_of_models_that_is_none_is_told(listed: bytes) -> None:
    assert outcome(Stranger(sends(DONE), listed)) == LISTS[listed]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before
