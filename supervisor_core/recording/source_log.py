"""What a source says on its standard error: kept small, and without addresses or secrets."""

import re
from pathlib import Path

from supervisor_core.rotated import LIMIT_BYTES, RotatedFile

_LINE_BYTES_MAX = 1000
# A word with one of these may be an address, a path, a query, a header or an account.
_TELLING = re.compile(rb"\S*[/\\?=&@%]\S*|\S{40,}")


class SourceLog:
    """Appends lines to a file that only its owner may read, and to a new one after 10 MB."""

    def __init__(self, path: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._file = RotatedFile(path, limit_bytes)
        self._rest = b""

    def take(self, said: bytes) -> None:
        """Takes what was said, in pieces of any size; half a line waits for its end."""
        *lines, self._rest = (self._rest + said).split(b"\n")
        if len(self._rest) > _LINE_BYTES_MAX:
            lines, self._rest = [*lines, self._rest], b""
        if lines:
            self._file.append(
                b"".join(_TELLING.sub(b"*", line[:_LINE_BYTES_MAX]) + b"\n" for line in lines)
            )
