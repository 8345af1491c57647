"""Has one verified file lie in a bucket, whole and checked, or not at all.

look      it lies there with the right size and SHA-256: nothing is sent
ask       the gate once more: what was revoked meanwhile stays here
send      by the child; the storage checks each part against its SHA-256
finish    parts become an object only now, after the gate was asked again
look      the storage must show what was sent
"""

from collections.abc import Callable
from dataclasses import dataclass

from supervisor_core.pipeline.context import Context, Progress
from supervisor_core.pipeline.places import readable_file
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.bucket_folder import BucketFolder, StoredObject
from supervisor_core.remote.destination import content_type
from supervisor_core.remote.upload_order import Measured, UploadOrder, part_bytes
from supervisor_core.store import gate
from supervisor_core.store.gate import Readable


@dataclass(frozen=True)
class Uploading:
    """Uploads files to one folder of a bucket, one after the other.

    `require_still` raises unless just this file may still leave the house.
    """

    context: Context
    folder: BucketFolder
    require_still: Callable[[Readable], None]

    def place(
        self, file: Readable, key: str, progress: Progress | None
    ) -> tuple[StoredObject, bool]:
        """Has the file lie under a key; returns how, and whether it had to be sent.

        Raises `Failed`: NOT_VERIFIED, FILE_NOT_FOUND, FILE_CHANGED (it is not what was verified),
        CHECKSUM_MISMATCH, and those of `remote.sending.send`, `Storage` and the worker.
        """
        measured = self._measure(file)
        before = self.folder.look(key)
        if before and measured.is_like(before.size_bytes, before.checksum):
            return before, False
        if len(measured.parts) == 1:
            self._send_whole(file, key, measured, progress)
        else:
            self._send_in_parts(file, key, measured, progress)
        after = self.folder.look(key)
        if after is None or not measured.is_like(after.size_bytes, after.checksum):
            raise Failed(Reason.CHECKSUM_MISMATCH, step="look again")
        return after, True

    def _measure(self, file: Readable) -> Measured:
        context = self.context
        path = readable_file(context.home, file)
        size_bytes = path.stat().st_size if path.is_file() else 0
        measured = context.worker.call(
            context.tools.measure,
            path,
            part_bytes(size_bytes),
            limit_s=self.folder.limits.total_s(size_bytes),
        )
        if measured.sha256 != file.sha256:
            raise Failed(Reason.FILE_CHANGED, step="measure")
        return measured

    def _send_whole(
        self, file: Readable, key: str, measured: Measured, progress: Progress | None
    ) -> None:
        source = readable_file(self.context.home, file)
        order = self.folder.whole(source, key, _type_of(key), measured)
        self.require_still(file)
        self._send(order, measured, progress)

    def _send_in_parts(
        self, file: Readable, key: str, measured: Measured, progress: Progress | None
    ) -> None:
        self.require_still(file)
        upload = self.folder.begin(key, _type_of(key))
        try:
            source = readable_file(self.context.home, file)
            order = self.folder.in_parts(source, key, upload, measured)
            etags = self._send(order, measured, progress)
            self.require_still(file)
            self.folder.finish(key, upload, measured, etags)
        except BaseException:
            self.folder.abandon(key, upload)
            raise

    def _send(
        self, order: UploadOrder, measured: Measured, progress: Progress | None
    ) -> tuple[str, ...]:
        return self.context.worker.call(
            self.context.tools.send,
            order,
            limit_s=self.folder.limits.total_s(measured.size_bytes),
            on_progress=progress,
        )


def require_cleaned_still(context: Context) -> Callable[[Readable], None]:
    """Raises `Failed(NOT_VERIFIED)` unless just this file, cleaned, may still leave the house."""

    def require(file: Readable) -> None:
        with context.store.read() as connection:
            found = gate.require_cleaned(connection, file.media)
        if found.sha256 != file.sha256:
            raise Failed(Reason.NOT_VERIFIED)

    return require


def _type_of(key: str) -> str:
    return content_type(key.rpartition(".")[2])
