"""What is to be fetched and within which limits, ready to be handed to a child process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from supervisor_core.settings import Settings

GIGABYTE = 1e9


@dataclass(frozen=True)
class Limits:
    """What one transfer may take; times in seconds, sizes in bytes.

    `base_s` is for all of it, and each gigabyte that has arrived adds `s_per_gb`: so a server that
    sends a byte now and then is not waited for any longer than one that sends nothing.
    """

    connect_s: float
    silence_s: float
    base_s: float
    s_per_gb: float
    tries: int
    lanes: int
    max_bytes: int
    reserve_bytes: int

    @classmethod
    def of(cls, settings: Settings, max_bytes: int | None = None) -> "Limits":
        """The limits of an installation, with a cap of the caller's if that is lower."""
        return cls(
            connect_s=settings.fetch_connect_s,
            silence_s=settings.fetch_silence_s,
            base_s=settings.fetch_base_s,
            s_per_gb=settings.fetch_s_per_gb,
            tries=settings.fetch_tries,
            lanes=settings.fetch_lanes,
            max_bytes=min(max_bytes or settings.fetch_max_bytes, settings.fetch_max_bytes),
            reserve_bytes=settings.reserve_bytes,
        )

    def total_s(self, size_bytes: int | None) -> float:
        """The longest that a file of this size, or the largest that is allowed, may take."""
        expected_bytes = self.max_bytes if size_bytes is None else size_bytes
        return self.base_s + self.s_per_gb * expected_bytes / GIGABYTE


@dataclass(frozen=True)
class FetchOrder:
    """One file to fetch into an existing empty one.

    `hosts` are those that may be private; None means that the address is the operator's own and is
    followed nowhere else. `size_bytes` and `etag` say what must come, where that is known, and
    `checksums` (name to hex) what it must come to. The address may carry a signature.
    """

    url: str = field(repr=False)
    into: Path = field(repr=False)
    limits: Limits
    hosts: frozenset[str] | None = field(repr=False)
    size_bytes: int | None = None
    etag: str | None = field(default=None, repr=False)
    checksums: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_storage(self) -> bool:
        """True for an address that was made from the operator's own settings."""
        return self.hosts is None


@dataclass(frozen=True)
class Fetched:
    """What has arrived: its SHA-256 (64 hex), size in bytes, and the server's name for it."""

    sha256: str
    size_bytes: int
    etag: str | None = field(default=None, repr=False)


NO_HEADERS: Mapping[str, str] = MappingProxyType({})
