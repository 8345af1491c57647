"""Removes what dead runs have left in work/; whatever a living one may still need stays."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.former import discard_children, discard_former
from supervisor_core.pipeline.places import remove_folder
from supervisor_core.reasons import Reason
from supervisor_core.remote.door import sweep_fetches
from supervisor_core.store import attempts, leases, outputs, variants
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.owners import is_gone

_ATTEMPT = re.compile("[0-9a-f]{32}")


def sweep(context: Context) -> int:
    """Ends what dead runs have begun, removes folders that nobody needs, and says how many.

    An attempt is in the store before its folder exists, and its output is there in the same
    transaction that closes it. So a folder that was listed first, and that the store then neither
    shows as worked on nor as an output's, belongs to nobody.
    """
    work = context.home.work
    sweep_fetches(work)
    folders = [path for path in work.iterdir() if _ATTEMPT.fullmatch(path.name)]
    with context.store.read() as connection:
        unfinished = attempts.unfinished(connection)
        needed = {Path(path).parent.name for path in outputs.staged(connection)}
        holders = leases.owners(connection)
        children = variants.stale(connection)
    gone = {owner for owner in holders | {one.owner for one in unfinished} if is_gone(owner)}
    dead = [attempt for attempt in unfinished if attempt.owner in gone]
    alive = {attempt.id for attempt in unfinished} - {attempt.id for attempt in dead}
    if gone:
        _bury(context, gone, dead, {path.name for path in folders})
    left = [path for path in folders if path.name not in needed | alive]
    for folder in left:
        remove_folder(folder)
    if left or dead:
        discard_former(context)
    if children:
        discard_children(context)
    return len(left)


def _bury(
    context: Context, gone: Collection[str], dead: Sequence[Attempt], folders: Collection[str]
) -> None:
    """Gives back what dead runs hold and closes their attempts, except those of an import.

    A mask's folder shows whether it had begun when its run died.
    """
    mine = [attempt for attempt in dead if attempt.step is not Step.IMPORT]
    begun = [one.id for one in mine if one.step is not Step.MASK or one.id in folders]
    never = [one.id for one in mine if one.id not in begun]
    with context.store.write() as connection:
        attempts.close_dead(connection, begun, Reason.WORKER_CRASHED, context.now())
        attempts.close_dead(connection, never, Reason.CANCELLED, context.now())
        leases.release_dead(connection, gone)
