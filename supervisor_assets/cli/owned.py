"""Folders that belong to one running command, and are swept when that one was killed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from supervisor_core.store.owners import is_gone, this_process

_OWNER = "owner"


@contextmanager
def owned_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A private folder in `parent`, removed in the end; so are those that dead commands left."""
    _sweep(parent, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        (folder / _OWNER).write_text(this_process("command"))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path, prefix: str) -> None:
    for left in parent.glob(f"{prefix}*"):
        with suppress(OSError, UnicodeError):
            if not left.is_symlink() and is_gone((left / _OWNER).read_text()):
                shutil.rmtree(left)
