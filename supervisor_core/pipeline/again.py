"""Makes items wait for the first level again, because a person asked for it."""

from collections.abc import Collection

from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.context import Context
from supervisor_core.states import Cleaning
from supervisor_core.store import audit, leases
from supervisor_core.store import media as media_table
from supervisor_core.store.audit import Deed
from supervisor_core.store.media import Media

_MADE = (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK)


def send_back(
    context: Context, intake: IntakeKey, *, everything: bool, named: Collection[str] = ()
) -> int:
    """Sends back what is aside, or everything, and is not being worked on.

    Where media are named (by 16 hex, or all 64), nothing but these.
    """
    now = context.now()
    with context.store.write() as connection:
        members = media_table.of_intake(connection, intake)
        free = [one for one in members if leases.is_free(one, context.owner, now)]
        chosen = [one.sent_back() for one in free if _is_wanted(one, everything, named)]
        media_table.save(connection, chosen, now)
        deeds = [Deed("send_back", media.media, {}) for media in chosen]
        audit.write(connection, context.owner, deeds, now)
    return len(chosen)


def _is_wanted(media: Media, everything: bool, named: Collection[str]) -> bool:
    if named and not any(media.media.startswith(one) for one in named):
        return False
    return media.cleaning is Cleaning.RAW_ASIDE or (everything and media.cleaning in _MADE)
