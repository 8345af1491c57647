"""The edge of the process: whatever goes wrong becomes one clear line and an exit code.

No traceback and no text of a library reaches the user: both may hold names of files.
"""

import errno
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, MappingProxyType
from typing import NoReturn

import typer

from supervisor_assets.cli import say
from supervisor_assets.cli.codes import Code, code_of
from supervisor_core.reasons import Failed, Reason

_BY_ERRNO = {
    errno.ENOSPC: Reason.DISK_FULL,
    errno.EDQUOT: Reason.DISK_FULL,
    errno.EACCES: Reason.FILE_NOT_READABLE,
    errno.EPERM: Reason.FILE_NOT_READABLE,
    errno.EROFS: Reason.FILE_NOT_READABLE,
}
_EMPTY: Mapping[str, object] = MappingProxyType({})
Shape = dict[str, object] | None


class Usage(Exception):
    """Arguments that make no sense together; the text is shown as it is."""


@contextmanager
def edge(*, as_json: bool = False, blank: Mapping[str, object] = _EMPTY) -> Iterator[None]:
    """Runs a command's body; ends the process when it fails.

    With `as_json` an object is printed: the reason, what it means and what to do, beside the fields
    of `blank`, by which a command keeps the shape of its object.
    """
    shape = dict(blank) if as_json else None
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _interrupt)
    try:
        yield
    except Usage as usage:
        _end(Code.USAGE, "USAGE", str(usage), "See --help.", shape)
    except KeyboardInterrupt:
        _end_for(Failed(Reason.CANCELLED), shape)
    except Exception as error:
        if isinstance(error, typer.Exit | BrokenPipeError):
            raise
        _end_for(as_failed(error), shape)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise KeyboardInterrupt


def as_failed(error: Exception) -> Failed:
    """Any error in our own words."""
    if isinstance(error, Failed):
        return error
    if isinstance(error, ImportError):
        return Failed(Reason.DEPENDENCY_MISSING, module=error.name or "")
    if isinstance(error, OSError) and error.errno in _BY_ERRNO:
        return Failed(_BY_ERRNO[error.errno])
    if isinstance(error, OSError):
        return Failed(Reason.IO_ERROR, errno=error.errno or 0)
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename.rpartition('/')[2].removesuffix('.py')}:{last.lineno}"
    return Failed(Reason.INTERNAL_ERROR, error=type(error).__name__, place=place)


def warn(reason: Reason, said: str) -> None:
    """Prints what went wrong and what to do, for something the command goes on after."""
    say.note(said)
    say.note(f"Next: {reason.next_step}")


def _end_for(failed: Failed, shape: Shape) -> NoReturn:
    reason = failed.reason
    said = str(failed).removeprefix(f"{reason}: ")
    _end(code_of(reason), reason.value, said, reason.next_step, shape)


def _end(code: Code, reason: str, said: str, next_step: str, shape: Shape) -> NoReturn:
    if shape is not None:
        say.data_json(shape | {"reason": reason, "message": said, "next_step": next_step})
    say.note(f"{reason}: {said}")
    say.note(f"Next: {next_step}")
    if code not in (Code.USAGE, Code.INTERRUPTED):
        say.more([reason])
    sys.stdout.flush()
    raise typer.Exit(code)
