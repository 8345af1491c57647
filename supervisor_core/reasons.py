"""Why something did not succeed: one closed list for the whole system.

    Failed                      an outcome that is not success, carrying exactly one Reason
      +- DeadlineExceeded       (deadline.py) the work was killed at its limit
      +- WorkerCrashed          (deadline.py) the child process died by itself

Retrying reads the reason's class, never a text. A message is made of the reason's sentence and of
numbers; names from outside, text read from pictures and paths never enter it.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum, auto
from pathlib import Path


class Class(StrEnum):
    """What kind of cause a reason names, which decides whether trying again can help."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    CONFIG = "config"
    BUG = "bug"


@dataclass(frozen=True)
class _Told:
    """What the table says of one reason."""

    class_: Class
    sentence: str
    next_step: str


def _table() -> dict[str, _Told]:
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return {
        code: _Told(Class(row["class"]), row["sentence"], row["next_step"])
        for code, row in rows.items()
    }


_TOLD = _table()


class Reason(StrEnum):
    """Every outcome that is not success; what is to be said of each stands in `reasons.toml`."""

    @staticmethod
    def _generate_next_value_(name: str, *_: object) -> str:
        """The code is the name; one that the table does not explain can't be made."""
        _TOLD[name]
        return name

    @property
    def class_(self) -> Class:
        """Whether trying again can help, and who can change it."""
        return _TOLD[self].class_

    @property
    def sentence(self) -> str:
        """What happened, in plain words."""
        return _TOLD[self].sentence

    @property
    def next_step(self) -> str:
        """What to do about it."""
        return _TOLD[self].next_step

    @property
    def transient(self) -> bool:
        """True when the same work may succeed later without anybody changing anything."""
        return self.class_ is Class.TRANSIENT

    FILE_NOT_FOUND = auto()
    FILE_EMPTY = auto()
    FILE_TOO_LARGE = auto()
    FILE_TOO_LONG = auto()
    FILE_CHANGED = auto()
    NOT_A_FILE = auto()
    FILE_NOT_READABLE = auto()
    PICTURE_TOO_LARGE = auto()
    UNSUPPORTED_CODEC = auto()
    UNSUPPORTED_CONTAINER = auto()
    DISGUISED_FILE = auto()
    NO_VIDEO_STREAM = auto()
    METADATA_EXTRACTION_FAILED = auto()
    FRAME_EXTRACTION_FAILED = auto()
    DECODE_FAILED = auto()
    ENCODE_FAILED = auto()
    TIMEOUT = auto()
    WORKER_CRASHED = auto()
    VERIFICATION_TIMEOUT = auto()
    RESIDUAL_TEXT = auto()
    RESIDUAL_METADATA = auto()
    FRAMES_MISSING = auto()
    NOT_VERIFIED = auto()
    NOT_SEEN = auto()
    OUTPUT_CHANGED = auto()
    ITEM_REJECTED = auto()
    NOT_RELEASED = auto()
    CLEANING_NOT_REQUIRED = auto()
    NO_STORE = auto()
    UNKNOWN_INTAKE = auto()
    DISK_FULL = auto()
    IO_ERROR = auto()
    LEASE_LOST = auto()
    ITEM_BUSY = auto()
    STORE_BUSY = auto()
    NOT_PUBLISHED = auto()
    STORE_DAMAGED = auto()
    RESTRICTED_KEY_MISSING = auto()
    BACKUP_DAMAGED = auto()
    BACKUP_OVERDUE = auto()
    UNKNOWN_PROFILE = auto()
    UNKNOWN_DEVICE = auto()
    MASK_OUT_OF_FRAME = auto()
    BAD_CONFIGURATION = auto()
    DEPENDENCY_MISSING = auto()
    ALREADY_RUNNING = auto()
    PORT_IN_USE = auto()
    PART_ENDED = auto()
    CANCELLED = auto()
    INTERNAL_ERROR = auto()
    ADDRESS_FORBIDDEN = auto()
    STORAGE_NOT_CONFIGURED = auto()
    STORAGE_DENIED = auto()
    STORAGE_UNREACHABLE = auto()
    HTTP_ERROR = auto()
    TRANSPORT_ERROR = auto()
    CHECKSUM_MISMATCH = auto()
    HASH_MISMATCH = auto()
    NOT_A_STILL = auto()
    FORGE_DOWN = auto()
    FORGE_NOT_READY = auto()
    FORGE_FAILED = auto()
    FORGE_REFUSED = auto()
    FORGE_BAD_ANSWER = auto()
    OLLAMA_DOWN = auto()
    OLLAMA_UNREACHABLE = auto()
    NO_MODELS = auto()
    BLOCKED_BY_OLLAMA = auto()
    PAUSED = auto()
    MODEL_MISSING = auto()
    MODEL_BUSY = auto()
    MODEL_ERROR = auto()
    MAIL_REFUSED = auto()
    ALERT_NOT_DELIVERED = auto()
    MODEL_HOST_FORBIDDEN = auto()
    NOT_AN_ANSWER = auto()
    ANSWER_TOO_LARGE = auto()
    INVALID_JSON = auto()
    PARSE_ERROR = auto()
    SCHEMA_MISMATCH = auto()
    MISSING_KEY = auto()
    INVALID_IMAGE = auto()
    TOO_LARGE_FOR_VISION = auto()
    NO_USABLE_FRAME = auto()
    UNKNOWN_MODE = auto()
    INPUTS_OPEN = auto()
    NO_INPUT = auto()
    NO_PROMPT = auto()
    NO_TAGS = auto()
    CHILD_SPAWN_FAILED = auto()
    KILL_FAILED = auto()
    SOURCE_DIED = auto()
    SOURCE_STALLED = auto()
    STREAM_JUMPED = auto()
    STREAM_FROZEN = auto()
    STREAM_LOOPING = auto()
    STREAM_NOT_FOUND = auto()
    RECORDER_DIED = auto()
    SEGMENT_STUCK = auto()
    NOT_JOINABLE = auto()
    JOINED_DIFFERS = auto()
    CLEANUP_TOO_LARGE = auto()
    LIBRARY_NOT_THERE = auto()
    LIBRARY_SHRUNK = auto()
    GALLERY_KEYS_UNUSABLE = auto()
    KEY_NAME_REFUSED = auto()
    KEY_NOT_KNOWN = auto()
    SIGN_IN_NEEDED = auto()
    ROLE_TOO_LOW = auto()
    FOREIGN_REQUEST = auto()
    FORM_OUTDATED = auto()
    HOST_NOT_TRUSTED = auto()
    ADDRESS_NOT_ALLOWED = auto()
    TOO_MANY_WRONG_KEYS = auto()
    BAD_REQUEST = auto()
    REQUEST_TOO_LARGE = auto()
    REQUEST_TOO_SLOW = auto()


Fact = int | float | str


class Failed(Exception):
    """Work that ended without success, for exactly one reason.

    `facts` are numbers, or words of our own (a code, a class name, a `module:line`): they end up in
    logs and in Dagster's event database, so nothing from outside may stand in them.
    """

    def __init__(self, reason: Reason, **facts: Fact) -> None:
        self.reason = reason
        self.facts = facts
        super().__init__(reason, facts)

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in sorted(self.facts.items()))
        return f"{self.reason}: {self.reason.sentence}" + (f" ({facts})" if facts else "")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.reason.name, self.facts)


def _rebuild(kind: type[Failed], reason: str, facts: dict[str, Fact]) -> Failed:
    return kind(Reason[reason], **facts)
