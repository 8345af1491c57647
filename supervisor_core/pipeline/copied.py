"""How an intake's copies lie in the bucket, asked of the storage object by object."""

import time
from dataclasses import dataclass
from pathlib import PurePosixPath

from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.bucket_folder import BucketFolder, StoredObject
from supervisor_core.remote.destination import Destination
from supervisor_core.remote.fetch_order import Limits
from supervisor_core.remote.s3 import Storage
from supervisor_core.remote.upload_order import in_base64
from supervisor_core.store import copies, gate, outputs
from supervisor_core.store.copies import Copy
from supervisor_core.store.gate import Readable
from supervisor_core.store.outputs import Output


@dataclass(frozen=True)
class Standing:
    """How many of an intake's verified files lie in the bucket as they should.

    `unasked` are those that no answer came for, because of `reason` or because time was up.
    """

    wanted: bool = True
    files: int = 0
    right: int = 0
    missing: int = 0
    different: int = 0
    unasked: int = 0
    reason: Reason | None = None


def standing(context: Context, intake: IntakeKey) -> Standing:
    """Asks the storage for each verified file, for as long as one fetch may take.

    Raises `Failed(BAD_CONFIGURATION)` as `Destination`.
    """
    destination = Destination.of(context.settings)
    if destination is None:
        return Standing(wanted=False)
    with context.store.read() as connection:
        files = gate.cleaned_of(connection, intake)
        media = [file.media for file in files]
        made = outputs.current(connection, media)
        known = {
            (one.output, one.key): one for one in copies.load(connection, destination.bucket, media)
        }
    looking = _Looking(
        BucketFolder(Storage(context.settings), destination, Limits.of(context.settings))
    )
    until_s = time.monotonic() + context.settings.fetch_base_s
    for file in files:
        if looking.reason is not None or time.monotonic() > until_s:
            break
        key = destination.key(file.sha256, PurePosixPath(file.path).suffix[1:])
        looking.look(file, key, made[file.media], known.get((file.sha256, key)))
    return looking.standing(len(files))


class _Looking:
    def __init__(self, folder: BucketFolder) -> None:
        self._folder = folder
        self._right = self._missing = self._different = 0
        self.reason: Reason | None = None

    def look(self, file: Readable, key: str, output: Output, copy: Copy | None) -> None:
        try:
            stored = self._folder.look(key)
        except Failed as failed:
            self.reason = failed.reason
            return
        if stored is None:
            self._missing += 1
        elif _is_right(stored, file, output, copy):
            self._right += 1
        else:
            self._different += 1

    def standing(self, files: int) -> Standing:
        unasked = files - self._right - self._missing - self._different
        return Standing(
            True, files, self._right, self._missing, self._different, unasked, self.reason
        )


def _is_right(stored: StoredObject, file: Readable, output: Output, copy: Copy | None) -> bool:
    """True for the size and SHA-256 of the output; in parts, those that were checked before."""
    expected = {in_base64(file.sha256), copy.checksum if copy else None} - {None}
    return stored.size_bytes == output.size_bytes and stored.checksum in expected
