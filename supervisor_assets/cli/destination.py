"""Where `clean` may put its result, and how it gets there whole or not at all.

The result is made in a folder of its own beside OUT, and gets OUT's name by one rename when it is
proven clean. OUT is never IN, and never a file that was there before unless `--force` says so; even
then the old one goes first, so that what stands at OUT is this run's proven result or nothing.
"""

import os
import stat
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.owned import owned_folder
from supervisor_core.media.files import publish
from supervisor_core.media.kinds import Container, claimed_kind

_USUAL = {Container.MP4: ".mp4", Container.PNG: ".png", Container.JPEG: ".jpg"}


def check_place(source: Path, out: Path, *, force: bool) -> None:
    """Raises `Usage` unless a file may be put at OUT."""
    if not out.parent.is_dir():
        raise Usage("The folder of OUT does not exist.")
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise Usage("The folder of OUT can't be written to.")
    try:
        there = out.lstat()
    except FileNotFoundError:
        return
    if _is_same(source, out):
        raise Usage("OUT is IN: the original is never overwritten.")
    if not stat.S_ISREG(there.st_mode):
        raise Usage("OUT exists and is no regular file.")
    if there.st_size and not force:
        raise Usage("OUT exists. With --force it is replaced.")


def check_suffix(out: Path, output: Container) -> str:
    """What to tell about a suffix that is another format's; raises `Usage` for another kind's."""
    claimed = claimed_kind(out.name)
    usual = _USUAL[output]
    if claimed is not None and claimed is not output.kind:
        raise Usage(f"A {output.upper()} file comes out of this: OUT must end in {usual}.")
    fits = out.suffix.lower() in (usual, ".jpeg" if output is Container.JPEG else ".m4v", "")
    return "" if fits else f"What OUT holds is {output.upper()}, whatever its name says."


def clear_place(out: Path) -> None:
    """Removes what `check_place` found to be replaceable."""
    out.unlink(missing_ok=True)


def staging(out: Path) -> AbstractContextManager[Path]:
    """A private folder beside OUT, for the time of the work."""
    return owned_folder(out.parent, ".supervisor-clean-")


def deliver(part: Path, out: Path) -> None:
    """Gives the proven file OUT's name."""
    publish(part, out)


def _is_same(source: Path, out: Path) -> bool:
    with suppress(OSError):
        return source.samefile(out)
    return False
