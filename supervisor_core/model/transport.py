"""The wire below the model server's client: every wait and every byte is counted here.

The limits hold beneath HTTP, where bytes come off the socket, so that headers which drip in one by
one, an endless body or a packed one end as well. Nothing of an answer's headers goes further up:
neither a redirect, nor a packing, nor a character set that would unpack something.

    nothing listens                          OLLAMA_DOWN
    no connection in time, no way, no name   OLLAMA_UNREACHABLE
    silence, or the total time is over       TIMEOUT
    more bytes than allowed                  ANSWER_TOO_LARGE
    broken off                               TRANSPORT_ERROR
    a redirect, a packed answer, no HTTP     NOT_AN_ANSWER
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

from supervisor_core.reasons import Failed, Reason

_SLICE = 64 * 1024
_HTTP = b"HTTP/"


@dataclass(frozen=True)
class Limits:
    """How long one exchange may take, in seconds, and how long one answer may be, in bytes.

    `read_s` is the longest silence between two bytes; `total_s` holds for everything together.
    """

    connect_s: float = 3.0
    read_s: float = 300.0
    total_s: float = 600.0
    answer_bytes: int = 1024**2


class Budget:
    """What is left of the limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._end = time.monotonic() + limits.total_s
        self._bytes = 0
        self._head = b""

    def seconds(self, limit_s: float) -> float:
        """The time that the next wait may take; raises `Failed(TIMEOUT)` when there is none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.over()
        return min(limit_s, left)

    def over(self) -> Failed:
        """What is said when time is up: which of the two limits it was."""
        total = time.monotonic() >= self._end
        return Failed(Reason.TIMEOUT, limit_s=self.limits.total_s if total else self.limits.read_s)

    def new_answer(self) -> None:
        """Counts bytes from the beginning."""
        self._bytes, self._head = 0, b""

    @property
    def is_http(self) -> bool:
        """False when what came in so far can't be the beginning of an answer."""
        return self._head == _HTTP[: len(self._head)]

    def take(self, content: bytes) -> None:
        """Counts what came in; raises `Failed(ANSWER_TOO_LARGE)`."""
        self._head += content[: len(_HTTP) - len(self._head)]
        self._bytes += len(content)
        if self._bytes > self.limits.answer_bytes:
            raise Failed(Reason.ANSWER_TOO_LARGE, limit_bytes=self.limits.answer_bytes)


class Transport(httpx.BaseTransport):
    """One connection to a model server, within one budget."""

    def __init__(self, limits: Limits) -> None:
        self._budget = Budget(limits)
        self._pool = httpcore.ConnectionPool(
            max_connections=1, network_backend=_Backend(self._budget)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request and returns its answer as soon as the headers are here."""
        self._budget.new_answer()
        with _told(self._budget, in_body=False):
            answer = self._pool.handle_request(_plain(request))
        try:
            _check(answer)
        except Failed:
            answer.close()
            raise
        return httpx.Response(answer.status, stream=_Body(answer, self._budget))

    def close(self) -> None:
        """Closes the connection."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, budget: Budget) -> None:
        self._answer = answer
        self._budget = budget

    def __iter__(self) -> Iterator[bytes]:
        with _told(self._budget, in_body=True):
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Stream(httpcore.NetworkStream):
    """A connection whose waits are never longer than what the budget has left."""

    def __init__(self, stream: httpcore.NetworkStream, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget
        self._read_s = budget.limits.read_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        content = self._stream.read(max_bytes, self._budget.seconds(self._read_s))
        self._budget.take(content)
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        for start in range(0, len(buffer), _SLICE):
            left_s = self._budget.seconds(self._read_s)
            self._stream.write(buffer[start : start + _SLICE], left_s)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        limit_s = self._budget.seconds(self._budget.limits.connect_s)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, limit_s), self._budget)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        limit_s = self._budget.seconds(self._budget.limits.connect_s)
        stream = super().connect_tcp(host, port, limit_s, local_address, socket_options)
        return _Stream(stream, self._budget)


def _plain(request: httpx.Request) -> httpcore.Request:
    """The request as it goes out: it asks for no packing, and carries no key of the environment."""
    request.headers["Accept-Encoding"] = "identity"
    request.headers.pop("Authorization", None)
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        ),
        headers=request.headers.raw,
        content=request.stream,
    )


def _check(answer: httpcore.Response) -> None:
    """Refuses what leads elsewhere or would have to be unpacked."""
    packings = [
        value.strip().lower()
        for name, value in answer.headers
        if name.lower() == b"content-encoding"
    ]
    if 300 <= answer.status < 400:
        raise Failed(Reason.NOT_AN_ANSWER, status=answer.status)
    if any(packing != b"identity" for packing in packings):
        raise Failed(Reason.NOT_AN_ANSWER, error="packed")


@contextmanager
def _told(budget: Budget, *, in_body: bool) -> Iterator[None]:
    """Turns what the connection says into one of our reasons; its texts hold addresses."""
    try:
        yield
    except (httpcore.ConnectTimeout, httpcore.ConnectError) as error:
        refused = isinstance(_behind(error), ConnectionRefusedError)
        reason = Reason.OLLAMA_DOWN if refused else Reason.OLLAMA_UNREACHABLE
        raise Failed(reason) from None
    except httpcore.TimeoutException:
        raise budget.over() from None
    except httpcore.RemoteProtocolError as error:
        # Headers that could not be read have another error behind them; a plain end has none.
        garbage = not in_body and (_behind(error) is not None or not budget.is_http)
        reason = Reason.NOT_AN_ANSWER if garbage else Reason.TRANSPORT_ERROR
        raise Failed(reason) from None
    except (httpcore.NetworkError, httpcore.ProtocolError):
        reason = Reason.TRANSPORT_ERROR if budget.is_http else Reason.NOT_AN_ANSWER
        raise Failed(reason) from None


def _behind(error: Exception) -> BaseException | None:
    """The error that another one was made of; the pool drops it everywhere else."""
    first = error.args[0] if error.args else None
    return first if isinstance(first, BaseException) else None
