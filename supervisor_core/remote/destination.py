"""Where verified files are copied to: a bucket of the operator's, under keys made of hashes alone.

No name from outside is in a key, and the same content has the same key, whoever copies it and how
often.
"""

import re
from dataclasses import dataclass

from supervisor_core.media.ref import S3Object
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings

_NAME = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{62}\.[a-z0-9]{2,4}")
_TYPES = {"mp4": "video/mp4", "png": "image/png", "jpg": "image/jpeg"}


@dataclass(frozen=True)
class Destination:
    """A bucket, and what every key of ours in it begins with."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, settings: Settings) -> "Destination | None":
        """The destination of an installation, if it has one.

        Raises `Failed(BAD_CONFIGURATION)` for what can't be a bucket, and where copies would be
        looked through for new files and so come in again.
        """
        if not settings.s3_write_bucket:
            return None
        found = cls(settings.s3_write_bucket, settings.s3_write_prefix)
        S3Object(found.bucket, found.key("0" * 64, "mp4"))
        read, written = settings.s3_prefix, found.prefix
        if settings.s3_bucket == found.bucket and overlap(read, written):
            raise Failed(Reason.BAD_CONFIGURATION, setting="s3_write_prefix")
        return found

    @property
    def place(self) -> str:
        """The bucket and prefix as one text."""
        return f"{self.bucket}/{self.prefix}"

    def key(self, sha256: str, suffix: str) -> str:
        """Where a file with this hash lies; the suffix comes without its dot."""
        return f"{self.prefix}{sha256[:2]}/{sha256}.{suffix}"

    def is_ours(self, key: str) -> bool:
        """True for a key that `key` could have made."""
        inside = key.startswith(self.prefix)
        return inside and _NAME.fullmatch(key.removeprefix(self.prefix)) is not None


def content_type(suffix: str) -> str:
    """What a file with this suffix is called on the web."""
    return _TYPES.get(suffix, "application/octet-stream")


def overlap(one: str, other: str) -> bool:
    """True for prefixes that some key has both of."""
    return one.startswith(other) or other.startswith(one)
