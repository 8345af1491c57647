"""Which intakes have files to read whole or to fingerprint now: of what waits in the store."""

from datetime import timedelta
from pathlib import Path

from supervisor_core.media.policy import load_profile, profile_names
from supervisor_core.pipeline import checking, fingerprinting
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed
from supervisor_core.repair import Cause, OpenIntake, by_intake
from supervisor_core.states import Work
from supervisor_core.store.unlooked import Unlooked, unlooked
from supervisor_core.store.work import is_held

_TASKS = (checking.TASK, fingerprinting.TASK)


def looked_at_profiles(folder: Path) -> list[str]:
    """The profiles whose media are looked at; one that can't be read is left out."""
    names = []
    for name in profile_names(folder):
        try:
            profile = load_profile(name, folder)
        except Failed:
            continue
        if profile.looked_at:
            names.append(name)
    return names


def unlooked_intakes(context: Context) -> list[OpenIntake]:
    """The intakes with files to read or to look at now."""
    now, days = context.now(), context.settings.integrity_days
    again_after = (timedelta(days=days) if days else None, checking.BROKEN_AGAIN)
    profiles = looked_at_profiles(context.profiles_folder())
    with context.store.read() as connection:
        found = unlooked(connection, profiles, _TASKS, now, again_after)
    waiting = [one for one in found if not is_held(one.owner, one.until, now)]
    return by_intake((one.intake, _cause(one)) for one in waiting)


def _cause(one: Unlooked) -> Cause:
    """What no run has come to is NEW; what is merely to be read once more comes last."""
    if one.again:
        return Cause.OLD_CODE
    if one.state is None or one.state in (Work.DONE, Work.ERROR, Work.DEAD):
        return Cause.NEW
    return Cause.UNFINISHED if one.state is Work.RUNNING else Cause.CAUSE_PASSED
