"""Which state an item may be in and which step it may take: one table for everybody.

The assets, the command line and the pages all ask `check_step`; nobody compares strings. Imported,
cleaned, verified and released are four separate facts, and no state claims one without its proof.
"""

from enum import StrEnum

from supervisor_core.reasons import Failed, Reason


class Arrival(StrEnum):
    """What became of one file that came in."""

    SEEN = "seen"
    IMPORTED = "imported"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class Cleaning(StrEnum):
    """How far a media was cleaned; the four last values are the levels of the ladder."""

    WAITING = "waiting"
    RUNNING = "running"
    FRAME_LEVEL = "frame_level"
    ROI_MASK = "roi_mask"
    RAW_ASIDE = "raw_aside"
    NOT_REQUIRED = "not_required"


class Verification(StrEnum):
    """What reading the finished file again has shown."""

    NONE = "none"
    VERIFIED = "verified"
    RESIDUAL = "residual"
    TIMEOUT = "timeout"


class Review(StrEnum):
    """What a person decided about one output."""

    NONE = "none"
    HELD = "held"
    RELEASED = "released"
    REJECTED = "rejected"


class Work(StrEnum):
    """How far one task on a media is (an analysis); only an opened attempt counts as a try."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    BLOCKED = "blocked"
    DONE = "done"
    DEGRADED = "degraded"
    ABSTAINED = "abstained"
    ERROR = "error"
    CANCELLED = "cancelled"
    DEAD = "dead"


class Recording(StrEnum):
    """How far a recording session is; what is stuck is interrupted, and never by that recorded."""

    WAITING = "waiting"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    RECORDED = "recorded"
    HANDED_OVER = "handed_over"
    FAILED = "failed"


State = Arrival | Cleaning | Verification | Review | Work | Recording

_LEVELS = (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK, Cleaning.RAW_ASIDE, Cleaning.NOT_REQUIRED)

_OPEN = (Work.QUEUED, Work.WAITING, Work.BLOCKED)
_ENDS = (Work.DONE, Work.DEGRADED, Work.ABSTAINED, Work.ERROR, Work.CANCELLED, Work.DEAD)

# One table for each axis: members of two axes may have the same text and would be one key.
STEPS: dict[type[StrEnum], dict[State, frozenset[State]]] = {
    Arrival: {
        Arrival.SEEN: frozenset({Arrival.IMPORTED, Arrival.DUPLICATE, Arrival.REFUSED}),
        Arrival.IMPORTED: frozenset(),
        Arrival.DUPLICATE: frozenset(),
        Arrival.REFUSED: frozenset({Arrival.SEEN}),
    },
    Cleaning: {
        Cleaning.WAITING: frozenset({Cleaning.RUNNING, Cleaning.NOT_REQUIRED, Cleaning.RAW_ASIDE}),
        Cleaning.RUNNING: frozenset({Cleaning.WAITING, *_LEVELS}),
        Cleaning.FRAME_LEVEL: frozenset({Cleaning.WAITING, Cleaning.RUNNING}),
        Cleaning.ROI_MASK: frozenset({Cleaning.WAITING, Cleaning.RUNNING}),
        Cleaning.RAW_ASIDE: frozenset({Cleaning.WAITING, Cleaning.RUNNING}),
        Cleaning.NOT_REQUIRED: frozenset({Cleaning.WAITING}),
    },
    Verification: {
        Verification.NONE: frozenset(
            {Verification.VERIFIED, Verification.RESIDUAL, Verification.TIMEOUT}
        ),
        Verification.VERIFIED: frozenset({Verification.NONE}),
        Verification.RESIDUAL: frozenset({Verification.NONE}),
        Verification.TIMEOUT: frozenset({Verification.NONE}),
    },
    Review: {
        Review.NONE: frozenset({Review.HELD}),
        Review.HELD: frozenset({Review.NONE, Review.RELEASED, Review.REJECTED}),
        Review.RELEASED: frozenset({Review.NONE, Review.HELD}),
        Review.REJECTED: frozenset({Review.NONE, Review.HELD}),
    },
    Work: {
        **dict.fromkeys(_OPEN, frozenset({*_OPEN, Work.RUNNING, Work.CANCELLED, Work.DEAD})),
        Work.RUNNING: frozenset({*_OPEN, *_ENDS}),
        **dict.fromkeys(_ENDS, frozenset({Work.QUEUED})),
    },
    Recording: {
        Recording.WAITING: frozenset({Recording.RUNNING, Recording.FAILED}),
        Recording.RUNNING: frozenset({Recording.INTERRUPTED, Recording.RECORDED, Recording.FAILED}),
        Recording.INTERRUPTED: frozenset({Recording.RUNNING, Recording.RECORDED, Recording.FAILED}),
        Recording.RECORDED: frozenset({Recording.HANDED_OVER}),
        Recording.HANDED_OVER: frozenset(),
        Recording.FAILED: frozenset(),
    },
}


def check_step(current: State, following: State) -> None:
    """Raises `Failed(INTERNAL_ERROR)` unless the table has this step; staying put is no step."""
    if following is current:
        return
    if type(following) is not type(current) or following not in STEPS[type(current)][current]:
        raise Failed(Reason.INTERNAL_ERROR, step=f"{current}->{following}")
