"""A file that only grows at its end, and begins anew after so many bytes: no reader hurries us.

Many processes write into one. A line is one write at the end of the file, so lines never mix; a
file that is full is renamed, and whoever still has it open finishes his line there. Nobody waits
for anybody: a stopped process holds up no other.
"""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIMIT_BYTES = 10 * 10**6


@dataclass(frozen=True)
class RotatedFile:
    """A log at `path` that only its owner may read, with `kept` full ones before it (.1, .2...)."""

    path: Path
    limit_bytes: int = LIMIT_BYTES
    kept: int = 1

    def append(self, text: bytes) -> None:
        """Writes whole lines; raises OSError."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            os.write(descriptor, text)
            if os.fstat(descriptor).st_size >= self.limit_bytes:
                self._begin_anew(descriptor)
        finally:
            os.close(descriptor)

    def _begin_anew(self, descriptor: int) -> None:
        """Renames the full file, unless another process is doing so or has done it."""
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(self.path.lstat(), os.fstat(descriptor)):
                return
            for number in range(self.kept - 1, 0, -1):
                with suppress(FileNotFoundError):
                    self._former(number).replace(self._former(number + 1))
            self.path.replace(self._former(1))

    def _former(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
