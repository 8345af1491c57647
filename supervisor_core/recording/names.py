"""Names that any file system, player and shell can bear, made of names from outside."""

import re
import unicodedata
from datetime import UTC, datetime

BYTES_MAX = 255  # of one name, on every file system in use
_SPARE_BYTES = 24  # for `.favourite` and what else is put behind a name
_FORBIDDEN = frozenset('/\\:*?"<>|')
_JOINERS = frozenset("\u200c\u200d")  # invisible, but writing and pictures fall apart without them
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
_EPISODE = re.compile(
    r".+ (\d{4}-\d\d-\d\d \d\d-\d\d-\d\d)(?: \[\d+\])?(?: \(\d+\))?\.(?:mp4|ts)", re.DOTALL
)
_STAMP = "%Y-%m-%d %H-%M-%S"
UNNAMED = "unnamed"


def safe_name(text: str, bytes_max: int = BYTES_MAX - _SPARE_BYTES) -> str:
    """A name in Unicode (NFC) without separators, control characters and what begins an option.

    Names that a system keeps for itself get an underscore; nothing is left empty or too long.
    """
    spaced = "".join(char if _is_kept(char) else " " for char in unicodedata.normalize("NFC", text))
    name = _trimmed(" ".join(spaced.split()))
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    return _trimmed(_cut(name, bytes_max)) or UNNAMED


def episode_name(stream: str, started: datetime, part: int | None, suffix: str) -> str:
    """`<stream> YYYY-MM-DD HH-MM-SS [<part>].mp4`, the time in UTC."""
    tail = f" {started.astimezone(UTC):{_STAMP}}" + (f" [{part}]" if part else "") + suffix
    return safe_name(stream, BYTES_MAX - _SPARE_BYTES - len(tail.encode())) + tail


def started_of(name: str) -> datetime | None:
    """When an episode began, by its name; none for any other file."""
    found = _EPISODE.fullmatch(name)
    if not found:
        return None
    try:
        return datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def numbered(name: str, number: int, suffix: str = "") -> str:
    """The name itself as number 1, else with ` (number)` before its suffix."""
    return name if number == 1 else f"{name.removesuffix(suffix)} ({number}){suffix}"


def _is_kept(char: str) -> bool:
    return char in _JOINERS or (
        char not in _FORBIDDEN and not unicodedata.category(char).startswith("C")
    )


def _trimmed(name: str) -> str:
    return name.lstrip(".-~ ").rstrip(". ")


def _cut(name: str, bytes_max: int) -> str:
    return name.encode()[: max(0, bytes_max)].decode(errors="ignore")
