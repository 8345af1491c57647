"""S3 and what speaks like it: the only place that holds credentials, and so never a child process.

Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN alone: nothing
is read from files, and no metadata service is asked. What fetches is given an address that is
signed for one object and for the time that its limits allow.
"""

import base64
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from math import ceil
from typing import Any

from supervisor_core.media.ref import S3Object
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.checksums import BEST_FIRST
from supervisor_core.remote.fetch_order import Limits
from supervisor_core.settings import Settings

_MD5 = re.compile('"([0-9a-f]{32})"')
LONGEST_SIGNED_S = 7 * 86400
_DENIED = frozenset(
    {
        "AccessDenied",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
_REGION = frozenset(
    {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
)


@dataclass(frozen=True)
class Found:
    """An object as the storage describes it; `checksums` are those that can be worked out here."""

    size_bytes: int
    etag: str
    modified_ns: int
    version: str | None = field(default=None, repr=False)
    checksums: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Storage:
    """The object storage of an installation; nothing is opened before it is used.

    Every call raises `Failed`: STORAGE_DENIED, STORAGE_UNREACHABLE, FILE_NOT_FOUND, FILE_CHANGED,
    BAD_CONFIGURATION, HTTP_ERROR.
    """

    settings: Settings

    @cached_property
    def client(self) -> Any:
        """A boto3 client whose calls end: bounded waits, three tries, no proxy."""
        with told():
            return _open_client(self.settings)

    def find(self, reference: S3Object) -> Found:
        """Asks for an object, in the version that the reference names if it names one."""
        which = {"Bucket": reference.bucket, "Key": reference.key}
        if reference.etag:
            which["IfMatch"] = reference.etag
        try:
            with told():
                head = self.client.head_object(**which, ChecksumMode="ENABLED")
        except Failed as failed:
            if failed.reason is Reason.FILE_NOT_FOUND:
                self.require_bucket(reference.bucket)
            raise
        return Found(
            size_bytes=int(head["ContentLength"]),
            etag=str(head["ETag"]),
            modified_ns=nanoseconds(head["LastModified"]),
            version=head.get("VersionId"),
            checksums=_checksums(head, reference.bucket),
        )

    def require_bucket(self, bucket: str) -> None:
        """Raises `Failed(BAD_CONFIGURATION)` when there is no such bucket."""
        try:
            with told():
                self.client.head_bucket(Bucket=bucket)
        except Failed as failed:
            if failed.reason is Reason.FILE_NOT_FOUND:
                raise Failed(Reason.BAD_CONFIGURATION, storage="no such bucket") from None
            raise

    def address(self, reference: S3Object, found: Found, limits: Limits) -> str:
        """An address that gives this object to whoever has it, for as long as a fetch may take."""
        which = {"Bucket": reference.bucket, "Key": reference.key}
        if found.version and found.version != "null":
            which["VersionId"] = found.version
        seconds = min(ceil(limits.total_s(found.size_bytes)) + 60, LONGEST_SIGNED_S)
        with told():
            signed = self.client.generate_presigned_url("get_object", which, ExpiresIn=seconds)
        return str(signed)


def nanoseconds(moment: datetime) -> int:
    """A moment that the storage tells, as the times of files are written."""
    return int(moment.timestamp()) * 10**9


def _open_client(settings: Settings) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=settings.fetch_connect_s,
        read_timeout=settings.fetch_silence_s,
        retries={"mode": "standard", "total_max_attempts": 3},
        signature_version="s3v4",
        s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
        proxies={},
    )
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        raise Failed(Reason.STORAGE_DENIED, credentials="not in the environment")
    return boto3.Session().client(
        "s3",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=os.environ.get("AWS_SESSION_TOKEN") or None,
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        config=config,
    )


def _checksums(head: Mapping[str, Any], bucket: str) -> Mapping[str, str]:
    """The best checksum over the whole content that can be worked out here, if there is one.

    Those of objects made in parts are over their parts. An MD5 is the last choice: it takes longer
    than all else, and the transfer itself.
    """
    found = {
        name.removeprefix("Checksum").lower(): base64.b64decode(text).hex()
        for name, text in head.items()
        if name.startswith("Checksum") and name != "ChecksumType" and "-" not in text
    }
    if md5 := _md5(head, bucket):
        found["md5"] = md5
    best = next((name for name in BEST_FIRST if name in found), None)
    return {best: found[best]} if best else {}


def _md5(head: Mapping[str, Any], bucket: str) -> str | None:
    """The MD5 that an ETag is, unless parts, a key of one's own or one zone make it another."""
    match = _MD5.fullmatch(head["ETag"])
    plain = head.get("ServerSideEncryption", "AES256") == "AES256"
    if match is None or not plain or "SSECustomerAlgorithm" in head or bucket.endswith("--x-s3"):
        return None
    return match[1]


@contextmanager
def told() -> Iterator[None]:
    """Turns what boto3 raises into our reasons; its texts hold buckets, keys and addresses."""
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        raise _refusal(error) from None
    except (boto.NoCredentialsError, boto.PartialCredentialsError):
        raise Failed(Reason.STORAGE_DENIED, credentials="not in the environment") from None
    except (boto.ConnectionError, boto.HTTPClientError) as error:
        raise Failed(Reason.STORAGE_UNREACHABLE, error=type(error).__name__) from None
    except (boto.BotoCoreError, ValueError) as error:
        raise Failed(Reason.BAD_CONFIGURATION, storage=type(error).__name__) from None


def _refusal(error: Any) -> Failed:
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == "NoSuchBucket":
        return Failed(Reason.BAD_CONFIGURATION, storage="no such bucket")
    if code in _REGION or status in (301, 307):
        return Failed(Reason.BAD_CONFIGURATION, storage="another region")
    if code in _DENIED or status in (401, 403):
        return Failed(Reason.STORAGE_DENIED, status=status)
    if status in (404, 410):
        return Failed(Reason.FILE_NOT_FOUND, status=status)
    if status == 412:
        return Failed(Reason.FILE_CHANGED, status=status)
    if status in (408, 429) or status >= 500:
        return Failed(Reason.STORAGE_UNREACHABLE, status=status)
    return Failed(Reason.HTTP_ERROR, status=status)
