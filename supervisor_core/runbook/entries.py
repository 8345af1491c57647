"""The entries of the runbook: what is seen, why it is so, what to do, where to begin.

They lie beside this module, a file for each topic. Those of reasons take their sentence and next
step from the reason itself; checks, and two words of alerts that are no reason, bring their own.
"""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path

from supervisor_core.reasons import Class, Reason

PAGE = "docs/runbook.md"


class Topic(StrEnum):
    """What somebody is at when it happens, in the order of the page."""

    IMPORT = "import"
    CLEANING = "cleaning"
    MODEL = "model"
    RECORDING = "recording"
    LIBRARY = "library"
    ELSEWHERE = "elsewhere"
    GALLERY = "gallery"
    RUNNING = "running"
    DISK = "disk"
    CHECKS = "checks"


@dataclass(frozen=True)
class Entry:
    """One reason or check; `class_` is None for what is no reason."""

    name: str
    topic: Topic
    sentence: str
    symptom: str
    cause: str
    next_step: str
    command: str
    class_: Class | None = None

    @property
    def link(self) -> str:
        """Where it stands in the documents."""
        return f"{PAGE}#{self.name.lower()}"


@cache
def entries() -> dict[str, Entry]:
    """All entries by their names, by topic and in the order of the files."""
    return {entry.name: entry for topic in Topic for entry in _of_topic(topic)}


def find(word: str) -> Entry | None:
    """The entry of a reason or check, however its name is written."""
    known = {name.lower(): entry for name, entry in entries().items()}
    return known.get(_plain(word))


def resembling(word: str) -> list[str]:
    """Names that may have been meant, the likeliest first."""
    known = {name.lower(): name for name in entries()}
    return [known[one] for one in get_close_matches(_plain(word), known, n=3)]


def explained(name: str) -> str | None:
    """The command that explains it; None for a word that nothing is known of."""
    return f"supervisor-assets explain {name}" if name in entries() else None


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "_")


def _of_topic(topic: Topic) -> list[Entry]:
    text = Path(__file__).with_name(f"{topic}.toml").read_text("utf-8")
    return [_entry(name, topic, row) for name, row in tomllib.loads(text).items()]


def _entry(name: str, topic: Topic, row: dict[str, str]) -> Entry:
    reason = Reason.__members__.get(name)
    return Entry(
        name=name,
        topic=topic,
        sentence=reason.sentence if reason else row["sentence"],
        symptom=row["symptom"],
        cause=row["cause"],
        next_step=reason.next_step if reason else row["next_step"],
        command=row["command"],
        class_=reason.class_ if reason else None,
    )
