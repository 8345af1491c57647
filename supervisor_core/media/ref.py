"""Where a media file is, as a type: never a string that may be a key, a URL or a path.

    MediaRef
      +- LocalFile     an absolute path on this machine
      +- S3Object      a bucket and a key, and which version of it
      +- WebAddress    an http or https address

A key handed on as a path is opened as a file of that name, which is not there: "can't open video".
So nothing but `remote.door.localize` turns a reference into a path. Names, keys and addresses may
identify a patient or carry a password, and stay out of what shows a reference.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from supervisor_core.reasons import Failed, Reason

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")
_KEY_BYTES = 1024


class MediaRef:
    """One media file, wherever it is."""

    @staticmethod
    def local(path: Path) -> "LocalFile":
        """Refers to a local file; the path is made absolute without following links."""
        return LocalFile(path.absolute())

    @staticmethod
    def parse(text: str, bucket: str | None = None) -> "MediaRef":
        """Reads a reference from configuration or a request.

        An absolute path, `file:///...`, `s3://bucket/key`, `http://...` or `https://...`; a bare
        key is one of the configured bucket. Raises `Failed`: STORAGE_NOT_CONFIGURED for a bare key
        without a bucket, BAD_CONFIGURATION for what is malformed or of another kind.
        """
        if text.startswith("/"):
            return MediaRef.local(Path(text))
        scheme, found, rest = text.partition("://")
        if not found:
            return _bare(text, bucket)
        if scheme.lower() == "s3":
            name, _, key = rest.partition("/")
            return S3Object(name, key)
        if scheme.lower() in ("http", "https"):
            return WebAddress(text)
        return _file(text)


@dataclass(frozen=True)
class LocalFile(MediaRef):
    """One media file on this machine, by its absolute path."""

    path: Path = field(repr=False)

    @property
    def uri(self) -> str:
        """The text that `MediaRef.parse` reads as this reference."""
        return str(self.path)


@dataclass(frozen=True)
class S3Object(MediaRef):
    """One object, its key exactly as the storage has it; `etag` says which content is meant.

    Raises `Failed(BAD_CONFIGURATION)` for what no bucket or key can be.
    """

    bucket: str = field(repr=False)
    key: str = field(repr=False)
    etag: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket):
            raise Failed(Reason.BAD_CONFIGURATION, reference="bucket")
        try:
            size_bytes = len(self.key.encode())
        except UnicodeEncodeError:
            raise Failed(Reason.BAD_CONFIGURATION, reference="key is no text") from None
        if not 0 < size_bytes <= _KEY_BYTES:
            raise Failed(Reason.BAD_CONFIGURATION, reference="key", size_bytes=size_bytes)

    @property
    def uri(self) -> str:
        """The text that `MediaRef.parse` reads as this reference; nothing in the key is quoted."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class WebAddress(MediaRef):
    """One file on a web server; raises `Failed(BAD_CONFIGURATION)` for a malformed address."""

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            sound = bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound or _UNPRINTABLE.search(self.url):
            raise Failed(Reason.BAD_CONFIGURATION, reference="malformed") from None

    @property
    def uri(self) -> str:
        """The text that `MediaRef.parse` reads as this reference."""
        return self.url

    @property
    def shown(self) -> str:
        """The address as its user may see it again: without password, query and fragment."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def name(self) -> str:
        """The last part of the address's path, as its server calls the file."""
        return unquote(urlsplit(self.url).path, errors="replace").rpartition("/")[2]


def _bare(text: str, bucket: str | None) -> MediaRef:
    if not text:
        raise Failed(Reason.BAD_CONFIGURATION, reference="empty")
    if not bucket:
        raise Failed(Reason.STORAGE_NOT_CONFIGURED)
    return S3Object(bucket, text)


def _file(text: str) -> MediaRef:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise Failed(Reason.BAD_CONFIGURATION, reference="malformed") from None
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return MediaRef.local(Path(unquote(parts.path)))
    raise Failed(Reason.BAD_CONFIGURATION, reference="unsupported scheme")
