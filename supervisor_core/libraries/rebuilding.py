"""Derives the prompts of pictures again from their files, without a scan and without decoding.

For a reader that understands more than the one before: what changes goes to the history.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.enrichment.prompt import Prompt
from supervisor_core.pipeline import places
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed
from supervisor_core.store import gate, prompts
from supervisor_core.store import media as media_table
from supervisor_core.store.gate import Readable
from supervisor_core.store.prompts import StoredPrompt

GROUP = 256
_A_FILE_S = 1.0
WHO = "prompts rebuild"

_PICTURES = """
    SELECT media FROM media WHERE cleaning = 'not_required' AND kind = 'still'
    ORDER BY first_seen DESC, media LIMIT ?
"""


@dataclass(frozen=True)
class Rebuilt:
    """How many pictures were read, of how many the prompt is another now, and how many failed."""

    read: int = 0
    changed: int = 0
    failed: int = 0


def rebuild_prompts(
    context: Context, limit: int, tell: Callable[[int, int], None] | None = None
) -> Rebuilt:
    """Reads the newest `limit` pictures that need no cleaning."""
    with context.store.read() as connection:
        keys = [row[0] for row in connection.execute(_PICTURES, [limit]).fetchall()]
        known = media_table.load(connection, keys)
    passed = (gate.pass_gate(known[key], None) for key in keys)
    readable = [one for one in passed if one is not None]
    done = Rebuilt()
    for start in range(0, len(readable), GROUP):
        done = _rebuild(context, readable[start : start + GROUP], done)
        if tell:
            tell(min(start + GROUP, len(readable)), len(readable))
    return done


def _rebuild(context: Context, group: Sequence[Readable], done: Rebuilt) -> Rebuilt:
    found: list[tuple[Readable, Path]] = []
    for one in group:
        try:
            found.append((one, places.readable_file(context.home, one)))
        except Failed:
            continue
    paths = [path for _, path in found]
    limit_s = context.settings.import_base_s + _A_FILE_S * len(paths)
    read = context.worker.call(read_all, paths, limit_s=limit_s) if paths else []
    new = [
        StoredPrompt.read(one.media, prompt)
        for (one, _), prompt in zip(found, read, strict=True)
        if prompt is not None
    ]
    with context.store.write() as connection:
        changed = prompts.put(connection, new, WHO, context.now())
    failed = len(group) - len(found)
    return Rebuilt(done.read + len(found), done.changed + changed, done.failed + failed)


def read_all(paths: Sequence[Path]) -> list[Prompt | None]:
    """The prompts of pictures, inside the worker's child; None for one without."""
    from supervisor_core.enrichment.prompts import read_prompt

    return [read_prompt(path).prompt for path in paths]
