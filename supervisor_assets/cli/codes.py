"""What the exit code of a command says."""

from enum import IntEnum

from supervisor_core.reasons import Reason


class Code(IntEnum):
    """The exit codes, each with one meaning for all commands."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_VERIFIED = 3
    NOT_CLEANED = 4
    DEPENDENCY_MISSING = 5
    BUSY = 6
    INTERRUPTED = 130


MEANING = {
    Code.OK: "done",
    Code.FAILED: "failed",
    Code.USAGE: "wrong arguments",
    Code.NOT_VERIFIED: "at least one item is not verified (refused ones included)",
    Code.NOT_CLEANED: "clean: the file was refused or could not be cleaned",
    Code.DEPENDENCY_MISSING: "something that is needed is not installed",
    Code.BUSY: "busy, try again",
    Code.INTERRUPTED: "interrupted",
}

_CODES = {
    Reason.UNKNOWN_PROFILE: Code.USAGE,
    Reason.UNKNOWN_DEVICE: Code.USAGE,
    Reason.UNKNOWN_INTAKE: Code.USAGE,
    Reason.CLEANING_NOT_REQUIRED: Code.USAGE,
    Reason.DEPENDENCY_MISSING: Code.DEPENDENCY_MISSING,
    Reason.STORE_BUSY: Code.BUSY,
    Reason.LEASE_LOST: Code.BUSY,
    Reason.ITEM_BUSY: Code.BUSY,
    Reason.ALREADY_RUNNING: Code.BUSY,
    Reason.PORT_IN_USE: Code.BUSY,
    Reason.CANCELLED: Code.INTERRUPTED,
}


def code_of(reason: Reason) -> Code:
    """The exit code of a command that could not go on for this reason."""
    return _CODES.get(reason, Code.FAILED)
