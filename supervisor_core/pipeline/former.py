"""Outputs that count no more leave the tree of cleaned files.

They were clean by the rules of their time; by today's rules they may not be.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from supervisor_core.media.files import publish
from supervisor_core.pipeline import places
from supervisor_core.pipeline.context import Context
from supervisor_core.store import outputs, variants
from supervisor_core.store.outputs import Output


def discard_former(context: Context, media: Sequence[str] | None = None) -> None:
    """Moves files of former outputs (of these media, or of all) into trash/.

    This happens under the store's lock, so that nobody publishes the same content meanwhile.
    """
    with context.store.read() as connection:
        former = outputs.former(connection, media)
    if not former:
        return
    with context.store.write() as connection:
        former = outputs.former(connection, media)
        needed = outputs.current_hashes(connection, {output.sha256 for output in former})
        for output in former:
            if output.sha256 not in needed:
                _discard(context, output)
        outputs.save(connection, [replace(output, path=None) for output in former])


def discard_children(context: Context) -> None:
    """Moves what was made of files that may not be read any more into trash/."""
    with context.store.write() as connection:
        for path in variants.forget(connection, variants.stale(connection)):
            _throw(context.home.absolute(path), context.home.trash)


def _discard(context: Context, output: Output) -> None:
    home = context.home
    path = home.absolute(output.path or "")
    if path.is_relative_to(home.work):
        places.remove_folder(path.parent)
    drawn = places.drawn_of(home, output.sha256)
    for shown in (path, places.cleaned(home, output.sha256, output.kind), *drawn):
        if shown.is_file() and not shown.is_relative_to(home.work):
            _throw(shown, home.trash)


def _throw(path: Path, trash: Path) -> None:
    with suppress(FileNotFoundError):
        publish(path, trash / f"{path.parent.parent.name}-{path.name}")
