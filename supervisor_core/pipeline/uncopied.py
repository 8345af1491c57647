"""Which intakes have files to copy now: of what waits in the store, without asking the storage.

What a person has to mend (credentials, a bucket that is not there) befalls every file alike. So
while something is blocked one intake alone tries, once a minute; when its files go through, the
cause has passed for all.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from supervisor_core.pipeline.context import Context
from supervisor_core.remote.destination import Destination
from supervisor_core.repair import Cause, OpenIntake, by_intake
from supervisor_core.states import Work
from supervisor_core.store import copies
from supervisor_core.store.copies import Uncopied
from supervisor_core.store.work import is_held

TRIAL_AFTER = timedelta(seconds=60)


def task_of(destination: Destination) -> str:
    """The name of the task that copies to a destination's bucket."""
    return f"copy/{destination.bucket}"


def uncopied_intakes(context: Context) -> list[OpenIntake]:
    """The intakes with files to copy now; raises `Failed(BAD_CONFIGURATION)` as `Destination`."""
    destination = Destination.of(context.settings)
    if destination is None:
        return []
    task, now = task_of(destination), context.now()
    with context.store.read() as connection:
        found = copies.uncopied(connection, task, destination.place, now)
        last_done = copies.last_done(connection, task)
    waiting = [one for one in found if not is_held(one.owner, one.until, now)]
    chosen = _chosen(waiting, last_done, now)
    return by_intake((one.intake, _cause(one)) for one in chosen)


def _chosen(
    waiting: Sequence[Uncopied], last_done: datetime | None, now: datetime
) -> Sequence[Uncopied]:
    """All of them, or one intake's on trial while what blocks them has not passed."""
    blocked = [one for one in waiting if one.state is Work.BLOCKED]
    moments = [one.updated for one in blocked if one.updated]
    if not moments or (last_done and last_done > max(moments)):
        return waiting
    if now - max(moments) < TRIAL_AFTER:
        return []
    first = min(blocked, key=lambda one: one.updated or now)
    return [one for one in waiting if one.intake == first.intake]


def _cause(one: Uncopied) -> Cause:
    """What has its row goes on at once; what has none, or whose run died, after a growing wait."""
    if one.state is None:
        return Cause.NEW
    return Cause.UNFINISHED if one.state is Work.RUNNING else Cause.CAUSE_PASSED
