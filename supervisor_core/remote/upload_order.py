"""A file that is to be sent, each part of it with its checksum and the address it goes to."""

import base64
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from supervisor_core.remote.fetch_order import Limits

PART_BYTES = 16 << 20
_MOST_PARTS = 10_000


@dataclass(frozen=True)
class Measured:
    """What a file holds: its SHA-256 (hex), and those of its parts in order (base64)."""

    size_bytes: int
    sha256: str
    part_bytes: int
    parts: tuple[str, ...]

    @property
    def whole(self) -> str:
        """The SHA-256 as a storage writes it."""
        return in_base64(self.sha256)

    @property
    def composite(self) -> str:
        """The SHA-256 over those of the parts: what a storage knows of a file sent in parts."""
        joined = b"".join(base64.b64decode(part) for part in self.parts)
        return base64.b64encode(hashlib.sha256(joined).digest()).decode("ascii")

    def is_like(self, size_bytes: int, checksum: str | None) -> bool:
        """True when a storage's size and SHA-256 say that it holds just this."""
        known = (self.whole, self.composite)
        return size_bytes == self.size_bytes and checksum is not None and checksum in known


@dataclass(frozen=True)
class UploadPart:
    """One request: where it goes, what headers it must carry, and which bytes of the file."""

    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    start: int
    size_bytes: int


@dataclass(frozen=True)
class UploadOrder:
    """All parts of one file; their addresses are signed."""

    source: Path = field(repr=False)
    limits: Limits
    parts: tuple[UploadPart, ...] = field(repr=False)


def in_base64(sha256: str) -> str:
    """A SHA-256 in hex as a storage writes it."""
    return base64.b64encode(bytes.fromhex(sha256)).decode("ascii")


def part_bytes(size_bytes: int) -> int:
    """How large the parts of a file are: the same for the same file, so checksums compare."""
    return max(PART_BYTES, -(-size_bytes // _MOST_PARTS))
