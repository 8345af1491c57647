"""Numbered messages over a socket between caller, guardian and child.

Standard library only: the guardian starts with nothing else. Reading never blocks, so that half a
message, or one that never ends, can't hold a reader beyond its deadline.
"""

import os
import select
import struct
import time
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

MAX_BYTES = 64 * 2**20  # paths and small results travel here, never frames
_MAGIC = b"svis"
_HEADER = struct.Struct("!4sBQI")  # magic, kind, number of the call, length of the payload
_CHUNK_BYTES = 2**16
_LONGEST_WAIT_S = 3600.0


class Kind(IntEnum):
    """What a message says."""

    CALL = 1  # caller to guardian: this call begins; caller to child: do this
    DONE = 2  # caller to guardian: its result is here, the limit no longer counts
    IDLE = 3  # guardian to caller: understood, no limit is running
    END = 4  # caller to guardian: end everything
    ENDED = 5  # guardian to caller: nothing is left, this was the cause
    PROGRESS = 6  # child to caller
    RESULT = 7  # child to caller
    FAILED = 8  # child to caller


class Message(NamedTuple):
    """One message; `number` says which call it belongs to."""

    kind: Kind
    number: int
    payload: bytes


class Channel:
    """One end of a socket that carries messages; `open` turns false when nothing more can come."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._buffer = bytearray()
        self.open = True

    def fileno(self) -> int:
        """The file descriptor, to wait on."""
        return self._descriptor

    def close(self) -> None:
        """Closes this end; a second time does nothing."""
        self.open = False
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def send(self, kind: Kind, number: int, payload: bytes = b"", limit_s: float = 5.0) -> bool:
        """Writes a whole message; false when the other side is gone or does not read in time."""
        until = time.monotonic() + limit_s
        rest = memoryview(_HEADER.pack(_MAGIC, kind, number, len(payload)) + payload)
        while rest and self._descriptor >= 0:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                if not wait((self,), until - time.monotonic(), select.POLLOUT):
                    return False
            except OSError:
                return False
        return not rest

    def take(self) -> list[Message]:
        """All messages that are complete by now; anything that is no message closes the channel."""
        while self.open:
            try:
                chunk = os.read(self._descriptor, _CHUNK_BYTES)
            except BlockingIOError:
                break
            except OSError:
                chunk = b""
            self.open = bool(chunk)
            self._buffer += chunk
        return self._cut()

    def _cut(self) -> list[Message]:
        messages = []
        while len(self._buffer) >= _HEADER.size:
            magic, kind, number, size_bytes = _HEADER.unpack_from(self._buffer)
            if magic != _MAGIC or kind not in _KINDS or size_bytes > MAX_BYTES:
                self.open = False
                self._buffer.clear()
                break
            end = _HEADER.size + size_bytes
            if len(self._buffer) < end:
                break
            messages.append(Message(Kind(kind), number, bytes(self._buffer[_HEADER.size : end])))
            del self._buffer[:end]
        return messages


_KINDS = frozenset(Kind)


def wait(
    channels: Sequence[Channel | int], limit_s: float, events: int = select.POLLIN
) -> set[Channel | int]:
    """Those of `channels` that have something to say (or are closed), after at most `limit_s`."""
    poll = select.poll()
    by_descriptor = {c if isinstance(c, int) else c.fileno(): c for c in channels}
    for descriptor in by_descriptor:
        if descriptor >= 0:
            poll.register(descriptor, events)
    limit_ms = max(0.0, min(limit_s, _LONGEST_WAIT_S)) * 1000
    return {by_descriptor[descriptor] for descriptor, _ in poll.poll(limit_ms)}
