"""What a source says on its standard error: kept small, and without addresses or secrets."""

import os
import re
from pathlib import Path

_LINE_BYTES_MAX = 1000
_LOG_BYTES = 10 * 10**6
# A word with one of these may be an address, a path, a query, a header or an account.
_TELLING = re.compile(rb"\S*[/\\?=&@%]\S*|\S{40,}")


class SourceLog:
    """Appends lines to a file that only its owner may read, and to a new one after 10 MB."""

    def __init__(self, path: Path, limit_bytes: int = _LOG_BYTES) -> None:
        self._path, self._limit_bytes = path, limit_bytes
        self._rest = b""

    def take(self, said: bytes) -> None:
        """Takes what was said, in pieces of any size; half a line waits for its end."""
        *lines, self._rest = (self._rest + said).split(b"\n")
        if len(self._rest) > _LINE_BYTES_MAX:
            lines, self._rest = [*lines, self._rest], b""
        if lines:
            self._write(
                b"".join(_TELLING.sub(b"*", line[:_LINE_BYTES_MAX]) + b"\n" for line in lines)
            )

    def _write(self, text: bytes) -> None:
        descriptor = os.open(
            self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600
        )
        try:
            os.write(descriptor, text)
            size_bytes = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if size_bytes >= self._limit_bytes:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
