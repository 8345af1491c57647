"""Why something did not succeed: one closed list for the whole system.

    Failed                      an outcome that is not success, carrying exactly one Reason
      +- DeadlineExceeded       (deadline.py) the work was killed at its limit
      +- WorkerCrashed          (deadline.py) the child process died by itself

Retrying reads the reason's class, never a text. A message is made of the reason's sentence and of
numbers; names from outside, text read from pictures and paths never enter it.
"""

from enum import StrEnum


class Class(StrEnum):
    """What kind of cause a reason names, which decides whether trying again can help."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    CONFIG = "config"
    BUG = "bug"


class Reason(StrEnum):
    """Every outcome that is not success, with its class, a plain sentence and the next step."""

    class_: Class
    sentence: str
    next_step: str

    def __new__(cls, value: str, class_: Class, sentence: str, next_step: str) -> "Reason":
        """Builds a member whose value is the code and whose texts are attributes."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.class_ = class_
        member.sentence = sentence
        member.next_step = next_step
        return member

    @property
    def transient(self) -> bool:
        """True when the same work may succeed later without anybody changing anything."""
        return self.class_ is Class.TRANSIENT

    FILE_NOT_FOUND = (
        "FILE_NOT_FOUND",
        Class.PERMANENT,
        "The file is no longer there.",
        "Drop the file into the inbox again.",
    )
    FILE_EMPTY = (
        "FILE_EMPTY",
        Class.PERMANENT,
        "The file has no content.",
        "Copy it again from its source; the empty file is kept in refused/.",
    )
    FILE_TOO_LARGE = (
        "FILE_TOO_LARGE",
        Class.PERMANENT,
        "The file is larger than its profile allows.",
        "Use a profile with a higher limit, for example: ingest --profile archive.",
    )
    FILE_TOO_LONG = (
        "FILE_TOO_LONG",
        Class.PERMANENT,
        "The video is longer than its profile allows.",
        "Use a profile with a higher limit, for example: ingest --profile archive.",
    )
    FILE_CHANGED = (
        "FILE_CHANGED",
        Class.TRANSIENT,
        "The file changed while it was being read.",
        "Wait until the upload is complete; the item is taken again by itself.",
    )
    NOT_A_FILE = (
        "NOT_A_FILE",
        Class.PERMANENT,
        "This is a link, a pipe or a device, not a regular file.",
        "Put the media file itself into the inbox.",
    )
    FILE_NOT_READABLE = (
        "FILE_NOT_READABLE",
        Class.CONFIG,
        "The program has no permission to read this file or to take it from its folder.",
        "Give the user that runs the program access to the file and its folder.",
    )
    PICTURE_TOO_LARGE = (
        "PICTURE_TOO_LARGE",
        Class.PERMANENT,
        "The picture has more pixels than can be worked on.",
        "Scale it down at its source; a damaged or hostile header may also claim such a size.",
    )
    UNSUPPORTED_CODEC = (
        "UNSUPPORTED_CODEC",
        Class.PERMANENT,
        "The video's codec is not in its profile's list.",
        "Convert the video, or use a profile that accepts its codec.",
    )
    UNSUPPORTED_CONTAINER = (
        "UNSUPPORTED_CONTAINER",
        Class.PERMANENT,
        "The file's format is not one that this profile accepts.",
        "Convert the file, or use a profile that accepts its format.",
    )
    DISGUISED_FILE = (
        "DISGUISED_FILE",
        Class.PERMANENT,
        "The content is not what the file's name says.",
        "Check where the file comes from; a playlist or text posing as media is never opened.",
    )
    NO_VIDEO_STREAM = (
        "NO_VIDEO_STREAM",
        Class.PERMANENT,
        "The file holds no picture stream.",
        "Check the source; sound alone is not taken in.",
    )
    METADATA_EXTRACTION_FAILED = (
        "METADATA_EXTRACTION_FAILED",
        Class.PERMANENT,
        "The file's header can't be read.",
        "The file is damaged or cut short: copy it again from its source.",
    )
    FRAME_EXTRACTION_FAILED = (
        "FRAME_EXTRACTION_FAILED",
        Class.PERMANENT,
        "No frame can be read from the file.",
        "The file is damaged: copy it again from its source.",
    )
    DECODE_FAILED = (
        "DECODE_FAILED",
        Class.PERMANENT,
        "The picture data is damaged part of the way through.",
        "Copy the file again from its source; the raw file is kept aside.",
    )
    ENCODE_FAILED = (
        "ENCODE_FAILED",
        Class.PERMANENT,
        "The cleaned file can't be written in a supported form.",
        "The raw file is kept aside; report the picture's size and format.",
    )
    TIMEOUT = (
        "TIMEOUT",
        Class.TRANSIENT,
        "The work did not end within its limit and was killed.",
        "It is tried again; if it stays, raise the limit or look at the machine's load.",
    )
    WORKER_CRASHED = (
        "WORKER_CRASHED",
        Class.TRANSIENT,
        "The child process that did the work died.",
        "It is tried again; if it stays, look at memory and at the kernel's log.",
    )
    VERIFICATION_TIMEOUT = (
        "VERIFICATION_TIMEOUT",
        Class.TRANSIENT,
        "Reading the cleaned file again did not end within its limit.",
        "The item stays aside and is cleaned again later.",
    )
    RESIDUAL_TEXT = (
        "RESIDUAL_TEXT",
        Class.PERMANENT,
        "Readable text was left in the cleaned file.",
        "The item went one level down; look at it before anything else.",
    )
    RESIDUAL_METADATA = (
        "RESIDUAL_METADATA",
        Class.PERMANENT,
        "The cleaned file carries metadata or streams that policy forbids.",
        "The item went one level down; report its format.",
    )
    FRAMES_MISSING = (
        "FRAMES_MISSING",
        Class.PERMANENT,
        "The cleaned file does not hold the same frames at the same times.",
        "The item went one level down; report its format.",
    )
    NOT_VERIFIED = (
        "NOT_VERIFIED",
        Class.PERMANENT,
        "The item is not proven clean, so nothing may read it.",
        "See why with: status; it is cleaned again when its cause is gone.",
    )
    CLEANING_NOT_REQUIRED = (
        "CLEANING_NOT_REQUIRED",
        Class.CONFIG,
        "The profile says that nothing has to be masked, so there is nothing to do.",
        "Use another profile, or copy the file as it is.",
    )
    NO_STORE = (
        "NO_STORE",
        Class.CONFIG,
        "There is no store in this home.",
        "Set SUPERVISOR_HOME to the right folder, or take something in first with: ingest.",
    )
    UNKNOWN_INTAKE = (
        "UNKNOWN_INTAKE",
        Class.PERMANENT,
        "The store knows no intake with this key.",
        "See the intakes with: status.",
    )
    DISK_FULL = (
        "DISK_FULL",
        Class.TRANSIENT,
        "There is not enough free space.",
        "Free space on the disk of SUPERVISOR_HOME; the work is taken up again by itself.",
    )
    IO_ERROR = (
        "IO_ERROR",
        Class.TRANSIENT,
        "The disk refused to read or write.",
        "Look at the kernel's log and the disk's health; the work is tried again.",
    )
    LEASE_LOST = (
        "LEASE_LOST",
        Class.TRANSIENT,
        "Another run took the item over while this one was slow.",
        "Nothing to do: the other run finishes the item.",
    )
    ITEM_BUSY = (
        "ITEM_BUSY",
        Class.TRANSIENT,
        "Another run is working on the same content.",
        "Nothing to do: this run waits for the other, and is started again if that takes long.",
    )
    STORE_BUSY = (
        "STORE_BUSY",
        Class.TRANSIENT,
        "The store was locked for too long.",
        "Try again; if it stays, see which process holds the lock with: doctor.",
    )
    STORE_DAMAGED = (
        "STORE_DAMAGED",
        Class.CONFIG,
        "The store can't be opened.",
        "Keep the file, restore the last backup, then run: doctor.",
    )
    KEY_MISSING = (
        "KEY_MISSING",
        Class.CONFIG,
        "The key of the restricted store is missing or does not fit.",
        "Put the key back in SUPERVISOR_RESTRICTED_KEY or in its key file.",
    )
    UNKNOWN_PROFILE = (
        "UNKNOWN_PROFILE",
        Class.CONFIG,
        "No profile has this name.",
        "Use one of the profiles that doctor lists, or add a file to profiles/.",
    )
    UNKNOWN_DEVICE = (
        "UNKNOWN_DEVICE",
        Class.CONFIG,
        "No mask has this device's name.",
        "Use one of the devices that doctor lists, or add a mask file.",
    )
    MASK_OUT_OF_FRAME = (
        "MASK_OUT_OF_FRAME",
        Class.CONFIG,
        "The device's image region lies outside this picture.",
        "Correct the mask file or the source's device.",
    )
    BAD_CONFIGURATION = (
        "BAD_CONFIGURATION",
        Class.CONFIG,
        "A setting or configuration file is not valid.",
        "Run doctor: it names the setting.",
    )
    DEPENDENCY_MISSING = (
        "DEPENDENCY_MISSING",
        Class.CONFIG,
        "Something this needs is not installed.",
        "Run make setup again, then doctor.",
    )
    ALREADY_RUNNING = (
        "ALREADY_RUNNING",
        Class.TRANSIENT,
        "Daemon and webserver already run on this home.",
        "Use those, or stop them first.",
    )
    PORT_IN_USE = (
        "PORT_IN_USE",
        Class.TRANSIENT,
        "Another program listens on this port.",
        "Stop it, or choose another port with: up --port.",
    )
    CANCELLED = (
        "CANCELLED",
        Class.TRANSIENT,
        "Somebody stopped the work.",
        "Start it again when it is wanted.",
    )
    INTERNAL_ERROR = (
        "INTERNAL_ERROR",
        Class.BUG,
        "The program made a mistake.",
        "Report it with the exception type and place that are shown.",
    )


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
