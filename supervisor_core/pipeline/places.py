"""Where the files of an item lie, and how they get there. Every name is made of hashes of ours."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePath

from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey
from supervisor_core.media.files import publish, sync
from supervisor_core.media.kinds import Container
from supervisor_core.media.links import original
from supervisor_core.media.taking import open_folder
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.gate import Readable
from supervisor_core.store.media import Media

PUBLIC_FILE = 0o644
PUBLIC_FOLDER = 0o755
# Its name is taken again, or the inbox is on another disk or on one that knows no second names.
_NO_WAY_BACK = (errno.EEXIST, errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def taken(home: Home, intake: IntakeKey, ordinal: int) -> Path:
    """A file that was taken out of the inbox and has not been judged yet."""
    return home.work / f"{intake}-{ordinal:03d}.taken"


def refused(home: Home, intake: IntakeKey, ordinal: int) -> Path:
    """A file that was not taken in."""
    return home.refused / f"{intake}-{ordinal:03d}"


def named(sha256: str, kind: str) -> Path:
    """Where a file with this hash lies in its tree; `kind` is the value of a `Container`."""
    suffix = "jpg" if kind == Container.JPEG.value else kind
    return Path(sha256[:2], f"{sha256}.{suffix}")


def raw(home: Home, sha256: str, container: Container) -> Path:
    """An imported file."""
    return home.raw / named(sha256, container.value)


def cleaned(home: Home, sha256: str, kind: str) -> Path:
    """A verified output, by its own hash."""
    return home.cleaned / named(sha256, kind)


def thumbnail(home: Home, sha256: str) -> Path:
    """The small picture of a readable file with this hash."""
    return home.thumbnails / sha256[:2] / f"{sha256}.jpg"


def sprite(home: Home, sha256: str) -> Path:
    """The scrub strip of a readable video with this hash; see `media.sprites`."""
    return home.thumbnails / sha256[:2] / f"{sha256}.sprite.jpg"


def drawn_of(home: Home, sha256: str) -> tuple[Path, Path]:
    """Where all pictures drawn of a readable file are, when they are there."""
    return thumbnail(home, sha256), sprite(home, sha256)


def shown_by(path: PurePath) -> str:
    """The hash of the readable file that a picture among the thumbnails was drawn of."""
    return path.name.partition(".")[0]


def attempt_folder(home: Home, attempt: str) -> Path:
    """The folder that one attempt works in."""
    return home.work / attempt


def find_raw(home: Home, media: Media) -> Path:
    """The raw file of a media: where its row says, or where a crash before the row has left it.

    Raises `Failed(FILE_NOT_FOUND)`.
    """
    said = home.absolute(media.raw_path)
    tail = Path(*said.parts[-2:])
    for path in (said, home.raw / tail, home.aside / tail):
        if path.is_file():
            return path
    raise Failed(Reason.FILE_NOT_FOUND)


def raw_source(home: Home, media: Media) -> Path:
    """The raw file to read; where a link stands for it, the file in its library, if it is the same.

    Raises `Failed`: FILE_NOT_FOUND, FILE_CHANGED, NOT_A_FILE.
    """
    return original(find_raw(home, media), media.info.size_bytes)


def readable_file(home: Home, readable: Readable) -> Path:
    """The file to read of what passed the gate; raises as `raw_source`."""
    return original(home.absolute(readable.path), readable.size_bytes)


def raw_place(home: Home, media: Media) -> Path:
    """Where the raw file of a known media is, or where it belongs when it is gone."""
    try:
        return find_raw(home, media)
    except Failed:
        return home.absolute(media.raw_path)


def find_imported(home: Home, sha256: str) -> Path | None:
    """The raw file with this hash, whatever its kind."""
    found = sorted((home.raw / sha256[:2]).glob(f"{sha256}.*"))
    return found[0] if found else None


def put_back(path: Path, entry: Path, inside: Path) -> bool:
    """Gives a file its old name back, unless there is another by now; says whether it did."""
    with _folder_of(entry, inside) as folder:
        try:
            os.link(path, entry.name, dst_dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_WAY_BACK:
                raise
            return False
        path.unlink()
        return True


def move_entry(entry: Path, into: Path, inside: Path) -> None:
    """Renames whatever has this name (a link, a pipe) without ever opening or following it."""
    with _folder_of(entry, inside) as folder:
        os.rename(entry.name, into, src_dir_fd=folder)
        sync(into.parent)


@contextmanager
def _folder_of(entry: Path, inside: Path) -> Iterator[int]:
    with ExitStack() as stack:
        yield open_folder(entry, inside, stack)


def move_aside(home: Home, media: Media) -> str:
    """Moves a raw file into aside/ and returns its path there, relative to the home."""
    return _move_raw(home, media, home.aside)


def fetch_back(home: Home, media: Media) -> str:
    """Moves a raw file from aside/ back into raw/ and returns its path there."""
    return _move_raw(home, media, home.raw)


def _move_raw(home: Home, media: Media, tree: Path) -> str:
    try:
        found = find_raw(home, media)
    except Failed:
        # A raw file that is gone can't be moved; its row says where it was.
        return media.raw_path
    path = tree / Path(*found.parts[-2:])
    if found != path:
        publish(found, path)
    return home.relative(path)


def make_public(folder: Path) -> None:
    """Makes a folder that others may look into."""
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)
        folder.chmod(PUBLIC_FOLDER)


def remove_folder(folder: Path) -> None:
    """Removes an attempt's folder with what is left in it; it never has subfolders."""
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()


def failed_from(error: OSError) -> Failed:
    """What an error of the disk means; its text holds paths and stays behind."""
    if error.errno in _NO_SPACE:
        return Failed(Reason.DISK_FULL)
    return Failed(Reason.IO_ERROR, errno=error.errno or 0)
