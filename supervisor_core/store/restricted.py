"""Opening the encrypted file that holds what may name a person, and where its key comes from.

The key is SUPERVISOR_RESTRICTED_KEY, or the text of an owner-only file outside the store's folder
that is made at first use. A lost key loses what was read from pictures, and nothing else.
"""

import os
import secrets
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb

from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store.instance import Connection, quoted


@dataclass(frozen=True)
class Encrypted:
    """An encrypted DuckDB file, opened with the installation's key."""

    home: Home
    settings: Settings

    def load(self, connection: Connection) -> None:
        """Loads DuckDB's crypto extension; raises `Failed(DEPENDENCY_MISSING)` without it."""
        connection.execute(f"LOAD {quoted(_crypto_extension())}")

    def options(self, path: Path) -> str:
        """The key; raises `Failed(RESTRICTED_KEY_MISSING)` when there is none."""
        return f"ENCRYPTION_KEY {quoted(self._key(may_make=path.suffix == '.part'))}"

    def _key(self, *, may_make: bool) -> str:
        if self.settings.restricted_key is not None:
            return self.settings.restricted_key.get_secret_value()
        path = self.settings.restricted_key_file or self.home.root / "restricted.key"
        if may_make and not path.exists():
            _make_key(path)
        return _read_key(path)


def _crypto_extension() -> Path:
    """The file of DuckDB's signed `httpfs` extension, which brings OpenSSL and is installed."""
    try:
        folder = files("duckdb_extension_httpfs")
    except ModuleNotFoundError:
        raise Failed(Reason.DEPENDENCY_MISSING, package="duckdb-extension-httpfs") from None
    version = f"v{duckdb.__version__}"
    path = Path(str(folder.joinpath("extensions", version, "httpfs.duckdb_extension")))
    if not path.is_file():
        raise Failed(Reason.DEPENDENCY_MISSING, package="duckdb-extension-httpfs", duckdb=version)
    return path


def _make_key(path: Path) -> None:
    """Writes a new key beside and links it into place, so that no reader ever sees half a key."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(32).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return
    finally:
        unfinished.unlink()


def _read_key(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        key = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise Failed(Reason.RESTRICTED_KEY_MISSING, key="not_found") from None
    if mode & 0o077:
        raise Failed(
            Reason.RESTRICTED_KEY_MISSING, key="readable_by_others", mode=f"{mode & 0o777:o}"
        )
    if not key:
        raise Failed(Reason.RESTRICTED_KEY_MISSING, key="empty")
    return key
