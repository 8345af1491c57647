"""The names of things inside the system, made from what came in but never showing it.

A file's name may be a patient's. Nothing here lets it through: a fingerprint says only whether two
sightings are the same file, and an intake's key says only on which day it came.
"""

import base64
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import NewType

IntakeKey = NewType("IntakeKey", str)
Fingerprint = NewType("Fingerprint", str)
MediaKey = NewType("MediaKey", str)

DEFAULT_SOURCE = "inbox"
STORAGE_SOURCE = "s3"
RECORDING_SOURCE = "recording"


class Retried(StrEnum):
    """The assets whose items can end without success and be tried again, by their keys."""

    CLEANED_FRAMES = "cleaned_frames"
    ANALYSES = "analyses"
    BUCKET_COPIES = "bucket_copies"
    RELEASED_FILES = "released_files"
    ENRICHMENTS = "enrichments"
    FINGERPRINTS = "fingerprints"


def fingerprint(
    source: str, relative_path: str, size_bytes: int, mtime_ns: int, again_ns: int | None = None
) -> Fingerprint:
    """Hex SHA-256 that stands for one sighting of one file, without reading its content.

    `again_ns` tells a file that was dropped again, unchanged, from the one that was taken before.
    """
    words = f"{source}\0{relative_path}\0{size_bytes}\0{mtime_ns}"
    if again_ns is not None:
        words += f"\0{again_ns}"
    # The bytes of a name that is no UTF-8 survive as they do in os.fsencode, only faster.
    return Fingerprint(hashlib.sha256(words.encode("utf-8", "surrogateescape")).hexdigest())


def object_fingerprint(bucket: str, key: str, size_bytes: int, etag: str) -> Fingerprint:
    """Hex SHA-256 that stands for one content of one object of a storage."""
    words = f"s3\0{bucket}\0{key}\0{size_bytes}\0{etag}"
    return Fingerprint(hashlib.sha256(words.encode()).hexdigest())


def intake_key(first_seen_s: float, fingerprints: Iterable[str]) -> IntakeKey:
    """`YYYYMMDD_<10 base32>`: the UTC day, and the SHA-256 over the sorted fingerprints."""
    day = datetime.fromtimestamp(first_seen_s, UTC).strftime("%Y%m%d")
    digest = hashlib.sha256("\n".join(sorted(fingerprints)).encode()).digest()
    return IntakeKey(f"{day}_{base64.b32encode(digest).decode()[:10]}")


def media_id(media: str) -> str:
    """The first 16 hex of a media's key, for people to read."""
    return media[:16]
