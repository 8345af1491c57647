"""How long a transfer may still take, asked before every single wait for the network."""

import io
import socket
import threading
import time
from typing import TYPE_CHECKING

from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.fetch_order import GIGABYTE, Limits

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class Pace:
    """The time of one transfer; several threads may bring bytes in."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._started_s = time.monotonic()
        self._lock = threading.Lock()
        self._arrived = 0

    def arrived(self, size_bytes: int) -> None:
        """Counts bytes, each of which buys some time."""
        with self._lock:
            self._arrived += size_bytes

    def wait_s(self, longest_s: float) -> float:
        """How long to wait for the next step; raises `Failed(TIMEOUT)` when time is used up."""
        limit_s = self.limits.base_s + self.limits.s_per_gb * self._arrived / GIGABYTE
        left_s = self._started_s + limit_s - time.monotonic()
        if left_s <= 0:
            raise Failed(Reason.TIMEOUT, limit_s=round(limit_s, 1))
        return min(left_s, longest_s)


class PacedSocket:
    """A socket whose every wait ends in time; `http.client` takes it for a socket."""

    def __init__(self, connected: socket.socket, pace: Pace) -> None:
        self._socket = connected
        self._pace = pace

    def sendall(self, content: "ReadableBuffer") -> None:
        """Sends everything."""
        self._socket.settimeout(self._pace.wait_s(self._pace.limits.silence_s))
        self._socket.sendall(content)

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002
        """A reader of what comes; closing it leaves the connection open for the next request."""
        return _Buffered(_Reader(self._socket, self._pace), 1 << 16)

    def close(self) -> None:
        """Does nothing: `http.client` lets go of a socket that is still being read."""

    def end(self) -> None:
        """Ends the connection."""
        self._socket.close()


class _Buffered(io.BufferedReader):
    """Gives what is there instead of waiting until a buffer is full: it is written at once."""

    def readinto(self, buffer: "WriteableBuffer") -> int:
        return self.readinto1(buffer)


class _Reader(io.RawIOBase):
    def __init__(self, connected: socket.socket, pace: Pace) -> None:
        self._socket = connected
        self._pace = pace

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._socket.settimeout(self._pace.wait_s(self._pace.limits.silence_s))
        return self._socket.recv_into(buffer)
