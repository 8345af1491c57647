"""What a stream calls itself while it is recorded, for the chapters of the joined file.

A title comes from outside and may name somebody: it stays in a file beside the segments that only
its owner may read, and goes into no store and no log.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from pathlib import Path

from supervisor_core.recording.chapters import Chapter

TITLES = "titles.jsonl"
EVERY_S = 60.0
_TITLE_MAX = 200
_BYTES_MAX = 2**20


@dataclass(frozen=True)
class Title:
    """A title and since when (Unix time) the stream bears it."""

    since_s: float
    title: str


def watch(look: Callable[[], str | None], path: Path, every_s: float = EVERY_S) -> None:
    """Writes down each new title that `look` finds, in a thread that ends with the process.

    A look that fails says nothing: the stream is recorded all the same.
    """

    def go_on() -> None:
        last = None
        while True:
            with suppress(Exception):
                title = look()
                if title and title != last:
                    note(path, Title(time.time(), title))
                    last = title
            time.sleep(every_s)

    threading.Thread(target=go_on, name="titles", daemon=True).start()


def note(path: Path, title: Title) -> None:
    """Adds a title at the end of the file, up to 1 MB of them."""
    line = json.dumps({"since_s": title.since_s, "title": title.title[:_TITLE_MAX]}) + "\n"
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        if os.fstat(descriptor).st_size < _BYTES_MAX:
            os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def read(path: Path) -> list[Title]:
    """The titles in a file in their order, each only where it differs from the one before."""
    found = sorted(_lines(path), key=lambda one: one.since_s)
    return found[:1] + [new for old, new in pairwise(found) if new.title != old.title]


def _lines(path: Path) -> Iterator[Title]:
    try:
        content = path.read_text("ascii", "replace")
    except OSError:
        return
    for line in content.splitlines():
        with suppress(ValueError, TypeError, KeyError):
            values = json.loads(line)
            yield Title(float(values["since_s"]), str(values["title"]))


def chapters_of(titles: Sequence[Title], spans: Sequence[tuple[float, float]]) -> list[Chapter]:
    """Where titles begin in segments of which each was recorded from one moment to another.

    The first title that was found is that of the beginning: the stream bore it before anybody
    asked. One that changed while nothing was recorded begins with what came after.
    """
    found: dict[tuple[int, float], str] = {}
    for number, one in enumerate(titles):
        place = _place(one.since_s if number else -inf, spans)
        if place is not None:
            found[place] = one.title
    return [Chapter(number, title, offset_s) for (number, offset_s), title in found.items()]


def _place(moment_s: float, spans: Sequence[tuple[float, float]]) -> tuple[int, float] | None:
    for number, (begin_s, end_s) in enumerate(spans):
        if moment_s < end_s:
            return number, max(0.0, moment_s - begin_s)
    return None
