"""The checksums that a storage may know of a file, worked out in one reading."""

import hashlib
import zlib
from collections.abc import Callable, Mapping

from supervisor_core.reasons import Failed, Reason


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, content: memoryview) -> None:
        self._value = zlib.crc32(content, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


_MAKERS: Mapping[str, Callable[[], "hashlib._Hash | _Crc32"]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "crc32": _Crc32,
}
KNOWN = frozenset(_MAKERS)


class Digests:
    """SHA-256 always, and whatever else is expected (names of `KNOWN`, in hex)."""

    def __init__(self, expected: Mapping[str, str]) -> None:
        self._expected = dict(expected)
        self._under_way = {name: _MAKERS[name]() for name in {"sha256", *expected}}

    def update(self, content: memoryview) -> None:
        """Takes in the next piece."""
        for one in self._under_way.values():
            one.update(content)

    def finish(self) -> str:
        """The SHA-256 as 64 hex; raises `Failed(CHECKSUM_MISMATCH)` when another does not fit."""
        for name, wanted in self._expected.items():
            if self._under_way[name].hexdigest() != wanted:
                raise Failed(Reason.CHECKSUM_MISMATCH, checksum=name)
        return self._under_way["sha256"].hexdigest()
