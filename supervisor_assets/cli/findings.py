"""What one check of `doctor` comes to."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from supervisor_assets.cli.edge import as_failed
from supervisor_core.reasons import Reason


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `fix` says what to do when it is not ok."""

    name: str
    state: State
    said: str
    fix: str = ""
    reason: Reason | None = None


def fine(name: str, said: str) -> Finding:
    """All is well."""
    return Finding(name, State.OK, said)


def warning(name: str, said: str, fix: str) -> Finding:
    """It works, but somebody should know."""
    return Finding(name, State.WARNING, said, fix)


def checked(name: str, check: Callable[[], Finding]) -> Finding:
    """What the check finds; one that breaks is a finding too."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - one broken thing must not hide the others
        failure = as_failed(error)
        said = str(failure).removeprefix(f"{failure.reason}: ")
        return Finding(name, State.FAILED, said, failure.reason.next_step, failure.reason)
