"""Makes items wait for the first level again, because a person asked for it."""

from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.context import Context
from supervisor_core.states import Cleaning
from supervisor_core.store import audit, leases
from supervisor_core.store import media as media_table
from supervisor_core.store.audit import Deed
from supervisor_core.store.media import Media

_MADE = (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK)


def send_back(context: Context, intake: IntakeKey, *, everything: bool) -> int:
    """Sends back what is aside, or everything that is not being worked on."""
    now = context.now()
    with context.store.write() as connection:
        members = media_table.of_intake(connection, intake)
        free = [one for one in members if leases.is_free(one, context.owner, now)]
        chosen = [one.sent_back() for one in free if _is_wanted(one, everything)]
        media_table.save(connection, chosen, now)
        deeds = [Deed("send_back", media.media, {}) for media in chosen]
        audit.write(connection, context.owner, deeds, now)
    return len(chosen)


def _is_wanted(media: Media, everything: bool) -> bool:
    return media.cleaning is Cleaning.RAW_ASIDE or (everything and media.cleaning in _MADE)
