"""Which key frames were recorded already, so that a source that begins again is not doubled."""

from collections import OrderedDict
from hashlib import blake2b

from supervisor_core.recording.packets import PACKET_BYTES, payload_of, payloads_of

_KEPT = 4096  # more than any playlist holds


class KnownKeys:
    """Remembers the last key frames of a stream, by a digest of their coded pictures and times.

    `unit_bytes` is how much of the present unit has come, `last` the digest of the last key frame,
    or none while that is not complete.
    """

    def __init__(self) -> None:
        self.unit_bytes = 0
        self.last: bytes | None = None
        self._kept: OrderedDict[bytes, None] = OrderedDict()
        self._key: blake2b | None = None

    def begin(self, payload: bytes, *, key: bool) -> None:
        """A unit begins with this payload."""
        self.unit_bytes = len(payload)
        if key:
            self._key, self.last = blake2b(payload, digest_size=16), None

    def go_on(self, payload: bytes) -> None:
        """The present unit goes on."""
        self.unit_bytes += len(payload)
        if self._key:
            self._key.update(payload)

    def go_on_all(self, run: bytes) -> None:
        """The present unit goes on with a plain run of packets."""
        if self._key:
            self.go_on(payloads_of(run))
        else:
            last = len(run) - PACKET_BYTES
            carried = last // PACKET_BYTES * (PACKET_BYTES - 4)
            self.unit_bytes += carried + len(payload_of(run[last:]))

    def end(self) -> bool | None:
        """The unit is complete: whether it is known, or none when it was no key frame."""
        if not self._key:
            return None
        self.last, self._key = self._key.digest(), None
        known = self.last in self._kept
        self._kept[self.last] = None
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return known

    def forget_open(self) -> None:
        """The source ended within a unit: half a key frame is not known."""
        self._key = None
