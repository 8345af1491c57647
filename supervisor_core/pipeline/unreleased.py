"""Which intakes have released files to put out or to take away now, of what the store says alone.

Putting out goes on when its task says so. Taking away is tried again after a minute at the latest,
whatever has kept it: what is let out no more must not stay only because something failed once.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.release_places import place_of
from supervisor_core.reasons import Failed
from supervisor_core.repair import Cause, OpenIntake, by_intake
from supervisor_core.states import Work
from supervisor_core.store import exports
from supervisor_core.store.exports import AWAY, Due
from supervisor_core.store.work import is_held

TRIAL_AFTER = timedelta(seconds=60)


def waiting_releases(context: Context) -> list[OpenIntake]:
    """The intakes with something to do now.

    Raises `Failed(BAD_CONFIGURATION)` as `place_of`, once nothing is to be taken away.
    """
    wrong = None
    try:
        place = place_of(context).text
    except Failed as failed:
        wrong, place = failed, ""
    with context.store.read() as connection:
        found = exports.due(connection, place)
    if wrong is not None:
        found = [one for one in found if one.task == AWAY]
        if not found:
            raise wrong
    now = context.now()
    return by_intake((one.intake, cause) for one in found for cause in _causes(one, now))


def _causes(one: Due, now: datetime) -> Iterator[Cause]:
    if is_held(one.owner, one.until, now):
        return
    if one.state is Work.RUNNING:
        yield Cause.UNFINISHED  # its run is gone: after a growing wait
    elif one.not_before is not None:
        if one.not_before <= now:
            yield Cause.CAUSE_PASSED
    elif one.state in (None, Work.QUEUED, Work.DONE) or _is_free(one, now):
        yield Cause.CAUSE_PASSED


def _is_free(one: Due, now: datetime) -> bool:
    """True for what is tried again though it is blocked, or has come to a bad end."""
    rested = one.updated is None or now - one.updated >= TRIAL_AFTER
    if one.state is Work.BLOCKED or one.task == AWAY:
        return rested
    return one.state in (Work.ERROR, Work.DEAD) and one.tried != one.key
