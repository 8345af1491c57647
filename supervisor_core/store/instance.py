"""A DuckDB in memory, to which a file is attached for one transaction and detached after it.

Making one costs about 9 ms of processor time, and 60 ms more with the extension that encrypts;
attaching a file costs 1 to 2 ms. So a process keeps one for each file. Between two transactions it
holds no file, no lock and no row, and a kill finds nothing to break.

One is either idle here or in the hands of one thread; a second thread makes its own. One that has
seen any error is closed and not used again, and a fork never touches its parent's.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import duckdb

Connection = duckdb.DuckDBPyConnection

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
}

# For every parameter DuckDB asks whether it comes from pandas. Where that is not installed, each
# time all paths are searched for it, which takes as long as a small query: once is enough.
if find_spec("pandas") is None:
    sys.modules["pandas"] = None  # type: ignore[assignment]

_NAME = "store"
BESIDE = ("", ".wal", ".wal.checkpoint", ".wal.recovery")  # all that DuckDB writes for one file


class Format(Protocol):
    """How a file is opened."""

    def load(self, connection: Connection) -> None:
        """Gets ready what files of this kind need, in a new instance."""

    def options(self, path: Path) -> str:
        """What is said when the file is attached; may be secret."""


class Plain:
    """A file that anybody with DuckDB can read."""

    def load(self, connection: Connection) -> None:
        """Needs nothing."""

    def options(self, path: Path) -> str:  # noqa: ARG002
        """Keeps DuckDB from taking the file for another program's."""
        return "TYPE duckdb"


@dataclass(frozen=True)
class _Instance:
    path: Path
    root: Connection
    process: int


_idle: dict[str, _Instance] = {}  # by the file's name; a process has one home, rarely another
_forgotten: list[dict[str, _Instance]] = []


@contextmanager
def attached(
    path: Path, how: Format, *, read_only: bool, keep: bool = True
) -> Iterator[Connection]:
    """A connection whose tables are the file's, with moments in UTC; it reaches no other file.

    After an exception in the block an open transaction is ended without being kept. Raises
    `duckdb.Error`, whose texts may hold paths and the options.
    """
    instance = _take(path) or _start(path, how)
    with ExitStack() as undo:
        undo.callback(instance.root.close)
        options = how.options(path) + (", READ_ONLY" if read_only else "")
        instance.root.execute(f"ATTACH {quoted(path)} AS {_NAME} ({options})")
        connection = undo.enter_context(instance.root.cursor())
        connection.execute(f"USE {_NAME}")
        yield connection
        # A result that was not read to its end would keep the file open.
        connection.close()
        if keep and _detach(instance):
            _keep(instance)
            undo.pop_all()


def quoted(text: object) -> str:
    """A text as SQL writes it."""
    return "'" + str(text).replace("'", "''") + "'"


def _start(path: Path, how: Format) -> _Instance:
    """A new instance that can reach this one file; its settings are locked."""
    root = duckdb.connect(config=CONFIG)
    with ExitStack() as undo:
        undo.callback(root.close)
        how.load(root)
        root.execute("SET GLOBAL TimeZone = 'UTC'")
        allowed = ", ".join(quoted(f"{path}{suffix}") for suffix in BESIDE)
        root.execute(f"SET allowed_paths = [{allowed}]")
        # What does not fit into memory would lie wherever the process was started, as plain text.
        root.execute("SET temp_directory = ''")
        # An extension could also talk to the network; from here on it can't.
        root.execute("SET enable_external_access = false")
        root.execute("SET lock_configuration = true")
        undo.pop_all()
    return _Instance(path, root, os.getpid())


def _detach(instance: _Instance) -> bool:
    """Lets go of the file; False when DuckDB could not put its log into it."""
    try:
        instance.root.execute(f"DETACH {_NAME}")
    except duckdb.Error:
        # What was committed is in the log: whoever opens the file next takes it in.
        return False
    return True


def _take(path: Path) -> _Instance | None:
    # One step, so that two threads never get the same.
    found = _idle.pop(path.name, None)
    if found is not None and found.path != path:
        found.root.close()
        return None
    return found


def _keep(instance: _Instance) -> None:
    if (
        instance.process == os.getpid()
        and _idle.setdefault(instance.path.name, instance) is instance
    ):
        return
    instance.root.close()


def _forget() -> None:
    """Leaves alone what a fork has inherited: closing it could wait for threads of the parent."""
    _forgotten.append(dict(_idle))
    _idle.clear()


os.register_at_fork(after_in_child=_forget)
