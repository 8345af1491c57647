"""Everything that is printed: data on stdout, all else on stderr.

A name that came from outside may hold line breaks, escape sequences or bytes that are no text:
`shown` makes it harmless before a terminal sees it.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Tell = Callable[[int, int], None]
"""Hears how much is done, and of how much."""


def shown(text: object) -> str:
    """The text with everything that is not printable written as an escape."""
    return "".join(char if char.isprintable() else _escaped(char) for char in str(text))


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def data(text: str) -> None:
    """Prints a line of data."""
    print(text, flush=True)


def data_json(value: object) -> None:
    """Prints one JSON value; ASCII, so that no name and no terminal can break it."""
    data(json.dumps(value, indent=2))


def note(text: str) -> None:
    """Prints a line for a person."""
    print(text, file=sys.stderr, flush=True)


def more(names: Iterable[str]) -> None:
    """Prints how to read more about what was named, where anything was."""
    if first := min(names, default=None):
        note(f"More: supervisor-assets explain {first}")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints rows as a table: drawn on a terminal, in aligned columns elsewhere."""
    cells = [["" if cell is None else shown(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _drawn(columns, cells)
        return
    widths = [max(len(row[at]) for row in [list(columns), *cells]) for at in range(len(columns))]
    for row in [list(columns), *cells]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        data(line.rstrip())


def _drawn(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(cell, style=_style(cell)) for cell in row))
    Console().print(drawn)


_STYLES = {
    "yes": "green",
    "no": "red",
    "ok": "green",
    "frame_level": "green",
    "roi_mask": "yellow",
    "warning": "yellow",
    "raw_aside": "bold red",
    "refused": "red",
    "failed": "bold red",
    "done": "green",
    "degraded": "yellow",
    "abstained": "yellow",
    "outdated": "yellow",
    "blocked": "yellow",
    "error": "bold red",
    "dead": "bold red",
}


def _style(cell: str) -> str:
    return _STYLES.get(cell, "")


@contextmanager
def progress(what: str) -> Iterator["Bar"]:
    """A bar on stderr while the block runs; nothing is drawn where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield Bar(None, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn()
    with Progress(*columns, Remaining(), console=Console(stderr=True), transient=True) as drawn:
        yield Bar(drawn, drawn.add_task(what, total=None))


class Bar:
    """What long work tells about itself: the step it is at, and how far that has come."""

    def __init__(self, drawn: Any, task: Any) -> None:
        self.prefix = ""
        self._drawn, self._task = drawn, task

    def step(self, what: str) -> None:
        """Names the next step, which starts at nothing."""
        if self._drawn is not None:
            self._drawn.reset(self._task, description=self.prefix + what, total=None)

    def __call__(self, done: int, total: int) -> None:
        """Moves the bar; a total of 0 is not known yet."""
        if self._drawn is not None and total:
            self._drawn.update(self._task, completed=min(done, total), total=total)
