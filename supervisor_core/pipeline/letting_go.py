"""What a run does when somebody stops it: all that it holds waits again, nothing is left over.

A run that is killed instead can't do this; what it leaves is swept by the next one.
"""

from contextlib import suppress

from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.places import attempt_folder, remove_folder
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning
from supervisor_core.store import attempts, leases
from supervisor_core.store import media as media_table
from supervisor_core.store.media import Media


def let_go(context: Context) -> None:
    """Gives back what this owner holds, closes its attempts as CANCELLED, removes their folders.

    Never raises `Failed` or `OSError`: what can't be given back now is found by a later sweep.
    """
    with suppress(Failed, OSError):
        for attempt in _give_back(context):
            remove_folder(attempt_folder(context.home, attempt))


def _give_back(context: Context) -> list[str]:
    """Writes that nobody works on it any more, and returns the attempts whose folders may go."""
    now = context.now()
    with context.store.write() as connection:
        mine = [one for one in attempts.unfinished(connection) if one.owner == context.owner]
        ended = [one.id for one in mine]
        held = leases.held_by(connection, context.owner)
        attempts.close_dead(connection, ended, Reason.CANCELLED, now)
        media_table.save(connection, [_waiting(media) for media in held], now)
        return ended


def _waiting(media: Media) -> Media:
    """The media as it waits for the step that was stopped."""
    if media.cleaning is Cleaning.RUNNING:
        media = media.step(cleaning=Cleaning.WAITING, reason=Reason.CANCELLED)
    return media.release()
