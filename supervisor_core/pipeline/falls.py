"""What a failure does to an item: it goes a level down, waits where it is, or stops the step."""

from supervisor_core.reasons import Reason
from supervisor_core.states import Cleaning

STOPPING = frozenset(
    {
        Reason.BAD_CONFIGURATION,
        Reason.DEPENDENCY_MISSING,
        Reason.KEY_MISSING,
        Reason.STORE_DAMAGED,
        Reason.UNKNOWN_PROFILE,
    }
)
"""The installation is at fault: the item waits as it is, and the step ends with this reason."""

PASSING = frozenset(
    {
        Reason.CANCELLED,
        Reason.DISK_FULL,
        Reason.FILE_CHANGED,
        Reason.IO_ERROR,
        Reason.LEASE_LOST,
        Reason.STORE_BUSY,
    }
)
"""The machine is at fault: another level would fare no better, so the item waits as it is."""

KILLING = frozenset({Reason.TIMEOUT, Reason.WORKER_CRASHED})
"""The item may be at fault, or the machine's load: only several times in a row tell."""

_BELOW = {
    Cleaning.FRAME_LEVEL: Cleaning.ROI_MASK,
    Cleaning.ROI_MASK: Cleaning.RAW_ASIDE,
}


def below(level: Cleaning) -> Cleaning:
    """The next level down."""
    return _BELOW[level]


def stays(reason: Reason) -> bool:
    """True when the item keeps waiting for the level it was at."""
    return reason in PASSING or reason in STOPPING
