"""The HTTP server under our pages: uvicorn, with a limit on how long a request's head may take."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
LONGEST_HEAD = 32 * 1024
CONNECTIONS = 512
LARGEST_SOCKET_MESSAGE = 1024**2
_STOP_S = 3
_BEAT_S = 5


class PatientProtocol(H11Protocol):
    """Closes a connection on which no whole head of a request has come for a while.

    The server itself waits for ever once the first byte is there.
    """

    head_s = HEAD_S
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """Goes on waiting unless the head is whole."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Waits for the next request."""
        super().on_response_complete()
        self._look()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Leaves the connection to the websocket, which has limits of its own."""
        self._stop()
        self.head_s = 0.0
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._stop()
        super().connection_lost(exc)

    def _look(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        if not idle or not self.head_s:
            self._stop()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self.head_s, self.transport.close)

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    beat: Callable[[], Awaitable[None]] | None = None,
    longest_head: int = LONGEST_HEAD,
    **options: Any,
) -> None:
    """Serves on a socket that listens already, until SIGTERM or SIGINT.

    `beat` is called every few seconds by the very loop that answers.
    """
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        log_level=options.pop("log_level", "error"),
        access_log=False,  # addresses may hold a token
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=longest_head,
        limit_concurrency=CONNECTIONS,
        ws_max_size=LARGEST_SOCKET_MESSAGE,
        timeout_graceful_shutdown=_STOP_S,
        callback_notify=beat,
        timeout_notify=_BEAT_S,
        **options,
    )
    uvicorn.Server(config).run(sockets=[listener])
