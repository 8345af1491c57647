"""The identity of a media: the SHA-256 of its bytes."""

import hashlib
import os
from pathlib import Path

from supervisor_core.media.files import open_regular
from supervisor_core.reasons import Failed, Reason


def sha256_of(path: Path) -> str:
    """Reads a file once, in pieces, and returns its SHA-256 as 64 hex digits.

    Raises `Failed` as `open_regular` does, and FILE_CHANGED when the file was written meanwhile.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        before = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256")
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Failed(Reason.FILE_CHANGED)
    return digest.hexdigest()
