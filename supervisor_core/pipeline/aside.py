"""The end of the ladder: a raw file that no level could clean is kept, away from everybody.

It is cleaned again later when its last reason may pass, and also when a level above was killed at
its limit or died: on a calmer machine that level might have cleaned it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.pipeline import places
from supervisor_core.pipeline.claims import mark
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.falls import KILLING
from supervisor_core.pipeline.former import discard_former
from supervisor_core.pipeline.reports import StepReport
from supervisor_core.pipeline.rules import Profiles, Rules
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.states import Cleaning
from supervisor_core.store import attempts, audit, leases, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Step
from supervisor_core.store.audit import Deed
from supervisor_core.store.media import Media


@dataclass(frozen=True)
class _Held:
    media: Media
    rules: Rules


def set_aside(context: Context, intake: IntakeKey) -> StepReport:
    """Moves what nothing could clean aside; see `Pipeline.set_aside`."""
    held, busy, others = _hold(context, intake)
    moved, waiting = _move(context, held)
    lost = _record(context, held, moved) if held else 0
    return StepReport(
        intake=intake,
        step=Step.ASIDE,
        level=Cleaning.RAW_ASIDE,
        done=len(moved) - lost,
        skipped=others,
        busy=busy + lost,
        waiting=waiting,
    )


def _move(context: Context, held: Sequence[_Held]) -> tuple[dict[MediaKey, str], Counter[Reason]]:
    """Moves the raw files; where the disk refuses, the item waits on."""
    moved: dict[MediaKey, str] = {}
    waiting: Counter[Reason] = Counter()
    for one in held:
        try:
            moved[one.media.media] = places.move_aside(context.home, one.media)
        except OSError as error:
            waiting[places.failed_from(error).reason] += 1
    return moved, waiting


def _hold(context: Context, intake: IntakeKey) -> tuple[list[_Held], int, int]:
    """Takes hold of what waits, and counts what others hold and what does not wait."""
    profiles = Profiles(context.profiles_folder())
    with context.store.write() as connection:
        members = media_table.of_intake(connection, intake)
        waiting = [one for one in members if one.next_level is Cleaning.RAW_ASIDE]
        taken = leases.acquire(
            connection, waiting, context.owner, context.now(), context.lease_end()
        )
        came_in = media_table.profiles_of(connection, [media.media for media in taken])
    held = [_Held(media, profiles.rules(came_in[media.media])) for media in taken]
    return held, len(waiting) - len(held), len(members) - len(waiting)


def _record(context: Context, held: Sequence[_Held], moved: Mapping[MediaKey, str]) -> int:
    """Writes where the files are now; returns how many another run has taken over meanwhile."""
    now = context.now()
    with context.store.write() as connection:
        known = media_table.load(connection, [one.media.media for one in held])
        ours = [
            _Held(known[one.media.media], one.rules)
            for one in held
            if leases.is_ours(known[one.media.media], context.owner, one.media.lease_epoch)
        ]
        settled = [one for one in ours if one.media.media in moved]
        hopeful = attempts.failed_since(
            connection, [one.media.media for one in settled], Cleaning.FRAME_LEVEL, KILLING
        )
        states = [
            _aside(context, one, moved[one.media.media], again=one.media.media in hopeful)
            for one in settled
        ]
        waiting = [one.media.release() for one in ours if one.media.media not in moved]
        media_table.save(connection, states + waiting, now)
        outputs.retire(connection, [state.media for state in states])
        audit.write(connection, context.owner, [_deed(state) for state in states], now)
    discard_former(context, [state.media for state in states])
    return len(moved) - len(settled)


def _aside(context: Context, held: _Held, path: str, *, again: bool) -> Media:
    media = held.media
    reason = media.reason or Reason.INTERNAL_ERROR
    wait = timedelta(seconds=wait_s(media.rounds, context.settings))
    return replace(
        media.step(cleaning=Cleaning.RAW_ASIDE).release(),
        next_level=None,
        raw_path=path,
        rounds=media.rounds + 1,
        tried=mark(held.rules, context),
        not_before=context.now() + wait if again or reason.transient else None,
    )


def wait_s(rounds: int, settings: Settings) -> float:
    """How long to wait before a raw item is cleaned again, doubling with every round."""
    return min(settings.retry_longest_s, settings.retry_first_s * 2.0 ** min(rounds, 32))


def _deed(media: Media) -> Deed:
    return Deed("set_aside", media.media, {"reason": str(media.reason), "rounds": media.rounds})
