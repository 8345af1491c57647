"""The place in a bucket that verified files are copied to, as this process sees it.

It alone has the credentials: it looks, signs addresses for what the child sends, and puts parts
together. An object is visible when it is complete and never before.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.destination import Destination
from supervisor_core.remote.fetch_order import Limits
from supervisor_core.remote.s3 import LONGEST_SIGNED_S, Storage, told
from supervisor_core.remote.upload_order import Measured, UploadOrder, UploadPart

LEFT_AFTER = timedelta(days=1)
_ALGORITHM = "SHA256"


@dataclass(frozen=True)
class StoredObject:
    """An object as the storage shows it; `checksum` is its SHA-256 in base64, if that is known.

    Of an object made in parts that is the SHA-256 over those of its parts.
    """

    size_bytes: int
    checksum: str | None
    etag: str
    version: str | None


@dataclass(frozen=True)
class BucketFolder:
    """A destination in a storage; calls raise `Failed` as `Storage` does."""

    storage: Storage
    destination: Destination
    limits: Limits

    def look(self, key: str) -> StoredObject | None:
        """What lies under a key; None when nothing does."""
        try:
            with told():
                head = self.storage.client.head_object(**self._at(key), ChecksumMode="ENABLED")
        except Failed as failed:
            if failed.reason is not Reason.FILE_NOT_FOUND:
                raise
            self.storage.require_bucket(self.destination.bucket)
            return None
        # In parts: "<checksum>-<number of parts>".
        checksum = head.get("ChecksumSHA256", "").partition("-")[0] or None
        size_bytes = int(head["ContentLength"])
        return StoredObject(size_bytes, checksum, str(head["ETag"]), head.get("VersionId"))

    def begin(self, key: str, content_type: str) -> str:
        """Begins an upload in parts and returns its id."""
        with _uploading():
            begun = self.storage.client.create_multipart_upload(
                **self._at(key), ContentType=content_type, ChecksumAlgorithm=_ALGORITHM
            )
        return str(begun["UploadId"])

    def whole(self, source: Path, key: str, content_type: str, measured: Measured) -> UploadOrder:
        """What puts a file there in one request."""
        signed = self._signed("put_object", key, measured, measured.whole, ContentType=content_type)
        headers = (*_headers(measured.whole), ("Content-Type", content_type))
        part = UploadPart(signed, headers, 0, measured.size_bytes)
        return UploadOrder(source, self.limits, (part,))

    def in_parts(self, source: Path, key: str, upload: str, measured: Measured) -> UploadOrder:
        """What puts a file's parts to an upload that was begun."""
        parts = []
        for number, checksum in enumerate(measured.parts, 1):
            start = (number - 1) * measured.part_bytes
            size_bytes = min(measured.part_bytes, measured.size_bytes - start)
            signed = self._signed(
                "upload_part", key, measured, checksum, UploadId=upload, PartNumber=number
            )
            parts.append(UploadPart(signed, _headers(checksum), start, size_bytes))
        return UploadOrder(source, self.limits, tuple(parts))

    def finish(self, key: str, upload: str, measured: Measured, etags: Sequence[str]) -> None:
        """Makes the parts one object: only now anybody can see it."""
        parts = [
            {"PartNumber": number, "ETag": etag, "ChecksumSHA256": checksum}
            for number, (etag, checksum) in enumerate(zip(etags, measured.parts, strict=True), 1)
        ]
        with _uploading():
            self.storage.client.complete_multipart_upload(
                **self._at(key), UploadId=upload, MultipartUpload={"Parts": parts}
            )

    def abandon(self, key: str, upload: str) -> None:
        """Throws the parts of an upload away; never raises `Failed`: `sweep` finds what is left."""
        with suppress(Failed), told():
            self.storage.client.abort_multipart_upload(**self._at(key), UploadId=upload)

    def remove(self, key: str) -> None:
        """Deletes an object; there need not be one."""
        with told():
            self.storage.client.delete_object(**self._at(key))

    def sweep(self, now: datetime) -> int:
        """Throws away the parts of uploads under our keys that are older than a day.

        Never raises `Failed`: credentials that may not list uploads need a rule of the bucket.
        """
        where = {"Bucket": self.destination.bucket, "Prefix": self.destination.prefix}
        with suppress(Failed):
            with told():
                found = self.storage.client.list_multipart_uploads(**where).get("Uploads", ())
            left = [one for one in found if self._is_left(one, now)]
            for one in left:
                self.abandon(one["Key"], one["UploadId"])
            return len(left)
        return 0

    def _is_left(self, upload: dict[str, Any], now: datetime) -> bool:
        old = now - upload["Initiated"] > LEFT_AFTER
        return old and self.destination.is_ours(str(upload["Key"]))

    def _signed(
        self, call: str, key: str, measured: Measured, checksum: str, **which: object
    ) -> str:
        """An address that takes bytes with this checksum only, for as long as sending may take."""
        seconds = min(ceil(self.limits.total_s(measured.size_bytes)) + 60, LONGEST_SIGNED_S)
        checked = {"ChecksumAlgorithm": _ALGORITHM, "ChecksumSHA256": checksum}
        with told():
            url = self.storage.client.generate_presigned_url(
                call, self._at(key) | which | checked, ExpiresIn=seconds
            )
        return str(url)

    def _at(self, key: str) -> dict[str, Any]:
        return {"Bucket": self.destination.bucket, "Key": key}


def _headers(checksum: str) -> tuple[tuple[str, str], ...]:
    """The headers that an address of `_signed` is signed for."""
    return ("x-amz-sdk-checksum-algorithm", _ALGORITHM), ("x-amz-checksum-sha256", checksum)


@contextmanager
def _uploading() -> Iterator[None]:
    """As `told`; an upload that is gone, because somebody swept it, is begun anew later."""
    try:
        with told():
            yield
    except Failed as failed:
        if failed.reason is Reason.FILE_NOT_FOUND:
            raise Failed(Reason.TRANSPORT_ERROR, step="upload gone") from None
        raise
