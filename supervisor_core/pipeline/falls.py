"""What a failure does to an item: it goes a level down, waits where it is, or stops the step."""

from collections.abc import Sequence

from supervisor_core.reasons import Reason
from supervisor_core.states import Cleaning
from supervisor_core.store.media import Media

STOPPING = frozenset(
    {
        Reason.BAD_CONFIGURATION,
        Reason.DEPENDENCY_MISSING,
        Reason.MASK_OUT_OF_FRAME,
        Reason.RESTRICTED_KEY_MISSING,
        Reason.STORAGE_DENIED,
        Reason.STORE_DAMAGED,
        Reason.UNKNOWN_DEVICE,
        Reason.UNKNOWN_PROFILE,
    }
)
"""The installation is at fault: the item waits as it is, and the step ends with this reason."""

PASSING = frozenset(
    {
        Reason.CANCELLED,
        Reason.CHECKSUM_MISMATCH,
        Reason.DISK_FULL,
        Reason.FILE_CHANGED,
        Reason.IO_ERROR,
        Reason.LEASE_LOST,
        Reason.LIBRARY_NOT_THERE,
        Reason.STORAGE_UNREACHABLE,
        Reason.STORE_BUSY,
        Reason.TRANSPORT_ERROR,
    }
)
"""The machine, or the way to a storage, is at fault: another level would fare no better, so the
item waits as it is."""

KILLING = frozenset({Reason.TIMEOUT, Reason.WORKER_CRASHED})
"""The item may be at fault, or the machine's load: only several times in a row tell."""

_ORDER = (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK, Cleaning.RAW_ASIDE)
_BELOW = {
    Cleaning.FRAME_LEVEL: Cleaning.ROI_MASK,
    Cleaning.ROI_MASK: Cleaning.RAW_ASIDE,
}


def below(level: Cleaning) -> Cleaning:
    """The next level down."""
    return _BELOW[level]


def count_below(members: Sequence[Media], level: Cleaning) -> int:
    """How many wait for a level below this one."""
    lower = _ORDER[_ORDER.index(level) + 1 :]
    return sum(
        media.cleaning is Cleaning.WAITING and media.next_level in lower for media in members
    )


def stays(reason: Reason) -> bool:
    """True when the item keeps waiting for the level it was at."""
    return reason in PASSING or reason in STOPPING
