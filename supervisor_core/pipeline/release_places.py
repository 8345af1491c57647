"""Where released files lie: a folder or a bucket, looked at and changed in the same words."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from supervisor_core.pipeline import places, release_child
from supervisor_core.pipeline.context import Context, Progress
from supervisor_core.pipeline.release_bucket import ReleaseDestination
from supervisor_core.pipeline.uploading import Uploading
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.bucket_folder import BucketFolder
from supervisor_core.remote.destination import Destination
from supervisor_core.remote.fetch_order import Limits
from supervisor_core.remote.listing import list_page
from supervisor_core.remote.s3 import Storage
from supervisor_core.remote.upload_order import in_base64
from supervisor_core.store.exports import HOME, Export
from supervisor_core.store.gate import Readable

FOLDER, BUCKET = "folder:", "s3:"
# The asking is done by whoever puts a file there: at the last moment before anybody can see it.
Ask = Callable[[], None]


@dataclass(frozen=True)
class Put:
    """A file that lies there now; `checksum` is a storage's, `sent` false where it lay before."""

    size_bytes: int
    checksum: str = ""
    sent: bool = True


class Place(Protocol):
    """One place; calls raise `Failed` for what keeps them from it."""

    @property
    def text(self) -> str:
        """The place as rows of exports have it."""
        ...

    def put(self, file: Readable, name: str, ask: Ask, progress: Progress | None) -> Put:
        """Has a file lie there whole, or not at all; `ask` raises when it may not any more."""
        ...

    def named(self, relative: str) -> str:
        """What a row calls the file of this relative name."""
        ...

    def take(self, export: Export) -> None:
        """Takes a file away; there need not be one."""
        ...

    def is_right(self, export: Export) -> bool | None:
        """Whether the file there has the bytes of its row, read anew; None when there is none."""
        ...

    def names(self, folder: str, start: str) -> list[str]:
        """The names in a folder that begin so; both as rows have them."""
        ...


def place_of(context: Context) -> Place:
    """Where released files go now; raises `Failed(BAD_CONFIGURATION)`."""
    destination = ReleaseDestination.of(context.settings)
    if destination is not None:
        return BucketPlace(context, destination)
    folder = context.settings.release_folder
    if folder is None:
        return FolderPlace(context, HOME, context.home.released)
    inside = _checked(context, folder)
    return FolderPlace(context, f"{FOLDER}{inside}", inside)


def place_named(context: Context, text: str) -> Place:
    """A place by what a row of an export says, also one that was set formerly."""
    if text == HOME:
        return FolderPlace(context, HOME, context.home.released)
    if text.startswith(FOLDER):
        return FolderPlace(context, text, Path(text.removeprefix(FOLDER)))
    bucket = text.removeprefix(BUCKET)
    return BucketPlace(context, ReleaseDestination(bucket, context.settings.release_prefix))


def _checked(context: Context, folder: Path) -> Path:
    """Raises unless files there are taken for nothing else."""
    inside = Path(os.path.normpath(folder.absolute()))  # never asks the disk: it may hang
    root = context.home.root
    if inside.is_relative_to(root) or root.is_relative_to(inside):
        raise Failed(Reason.BAD_CONFIGURATION, setting="release_folder")
    return inside


@dataclass(frozen=True)
class FolderPlace:
    """A folder on a disk; every call to it runs in the worker's child."""

    context: Context
    text: str
    root: Path

    def put(self, file: Readable, name: str, ask: Ask, progress: Progress | None) -> Put:
        """Copies beside its place while hashing, asks, and gives it its name then."""
        worker, final = self.context.worker, self.root / name
        source = places.readable_file(self.context.home, file)
        limit_s = self._limits.total_s(file.size_bytes)
        reserve_bytes = self.context.settings.reserve_bytes
        size_bytes = worker.call(
            release_child.stage,
            source,
            self.root,
            name,
            file.sha256,
            reserve_bytes,
            limit_s=limit_s,
            on_progress=progress,
        )
        ask()
        worker.call(release_child.finish, final, self.context.home.trash, limit_s=limit_s)
        return Put(size_bytes)

    def named(self, relative: str) -> str:
        """The relative name itself."""
        return relative

    def take(self, export: Export) -> None:
        """Moves it to the trash of the home."""
        self.context.worker.call(
            release_child.take,
            self.root,
            export.name,
            self.context.home.trash,
            limit_s=self._limits.total_s(export.size_bytes),
        )

    def is_right(self, export: Export) -> bool | None:
        """Reads it to its end."""
        seen = self.context.worker.call(
            release_child.look,
            self.root / export.name,
            limit_s=self._limits.total_s(export.size_bytes),
        )
        return None if seen is None else seen.sha256 == export.output

    def names(self, folder: str, start: str) -> list[str]:
        """Also those of files that are not whole yet."""
        return self.context.worker.call(
            release_child.names, self.root, folder, start, limit_s=self._limits.total_s(0)
        )

    @property
    def _limits(self) -> Limits:
        return Limits.of(self.context.settings)


@dataclass(frozen=True)
class BucketPlace:
    """A bucket; names of rows are keys, with their prefix."""

    context: Context
    destination: Destination

    @property
    def text(self) -> str:
        """Only the bucket: the prefix is part of every name."""
        return f"{BUCKET}{self.destination.bucket}"

    def put(self, file: Readable, name: str, ask: Ask, progress: Progress | None) -> Put:
        """Measured and sent by the child; see `pipeline.uploading`."""
        uploading = Uploading(self.context, self._folder, lambda _: ask())
        stored, sent = uploading.place(file, name, progress)
        return Put(stored.size_bytes, stored.checksum or "", sent)

    def named(self, relative: str) -> str:
        """Its key."""
        return f"{self.destination.prefix}{relative}"

    def take(self, export: Export) -> None:
        """Deletes it."""
        self._folder.remove(export.name)

    def is_right(self, export: Export) -> bool | None:
        """Asks the storage for size and SHA-256."""
        stored = self._folder.look(export.name)
        if stored is None:
            return None
        expected = {in_base64(export.output), export.checksum} - {""}
        return stored.size_bytes == export.size_bytes and stored.checksum in expected

    def names(self, folder: str, start: str) -> list[str]:
        """Asks the storage; one page is more than an intake has."""
        prefix = f"{folder}/{start}"
        page = list_page(self._folder.storage, self.destination.bucket, prefix, "")
        return [one.key for one in page.objects]

    @cached_property
    def _folder(self) -> BucketFolder:
        settings = self.context.settings
        folder = BucketFolder(Storage(settings), self.destination, Limits.of(settings))
        folder.sweep(self.context.now())
        return folder
