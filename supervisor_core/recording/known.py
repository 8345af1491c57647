"""Which key frames were recorded already, so that a source that begins again is not doubled."""

from collections import OrderedDict
from hashlib import blake2b

_KEPT = 4096  # more than any playlist holds


class KnownKeys:
    """Remembers the last key frames of a stream, by a digest of their coded pictures and times."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, None] = OrderedDict()
        self._open = False
        self._digest = blake2b(digest_size=16)

    def begin(self, payload: bytes) -> None:
        """A key frame begins with this payload."""
        self._open, self._digest = True, blake2b(payload, digest_size=16)

    def go_on(self, payload: bytes) -> None:
        """The present unit goes on."""
        if self._open:
            self._digest.update(payload)

    def end(self) -> bool | None:
        """The unit is complete: whether it is known, or none when it was no key frame."""
        if not self._open:
            return None
        digest = self._digest.digest()
        known = digest in self._kept
        self._kept[digest] = None
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        self._open = False
        return known

    def forget_open(self) -> None:
        """The source ended within a unit: half a key frame is not known."""
        self._open = False
