"""Which media of an intake wait for a level of the ladder, and taking hold of them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from supervisor_core.keys import IntakeKey
from supervisor_core.media.policy import MaskPolicy
from supervisor_core.pipeline.batches import Claim
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.falls import below
from supervisor_core.pipeline.rules import Profiles, Rules
from supervisor_core.reasons import Reason
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store import Connection, attempts, leases, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.media import Media
from supervisor_core.store.open_work import version_mark
from supervisor_core.store.outputs import Output


class Claims:
    """The media of an intake as one level finds them; everything happens in one transaction."""

    def __init__(
        self, connection: Connection, context: Context, intake: IntakeKey, level: Cleaning
    ) -> None:
        self.fallen: Counter[Reason] = Counter()
        self.not_required = 0
        self.busy = 0
        self.skipped = 0
        self._connection = connection
        self._context = context
        self._level = level
        self._now = context.now()
        self._media = media_table.of_intake(connection, intake)
        keys = [media.media for media in self._media]
        self._profiles = media_table.profiles_of(connection, keys)
        self._outputs = outputs.current(connection, keys)

    def take(self, profiles: Profiles) -> list[Claim]:
        """Claims what waits for this level and writes what needs no work."""
        rules = {one.media: profiles.rules(self._profiles[one.media]) for one in self._media}
        wanted, changed = [], []
        for media in self._free():
            if self._is_not_required(media, rules[media.media]):
                changed.append(_not_required(media))
            elif self._waits(media, rules[media.media]):
                wanted.append(media)
        self.not_required = len(changed)
        wanted, fallen = self._without_killers(wanted)
        media_table.save(self._connection, changed + fallen, self._now)
        self.skipped = len(self._media) - self.busy - len(changed) - len(wanted) - len(fallen)
        return [Claim(media, rules[media.media]) for media in self._hold(wanted)]

    def _free(self) -> list[Media]:
        free = [one for one in self._media if leases.is_free(one, self._context.owner, self._now)]
        self.busy = len(self._media) - len(free)
        return free

    def _is_not_required(self, media: Media, rules: Rules) -> bool:
        if rules.mask is not MaskPolicy.NONE or self._level is not Cleaning.FRAME_LEVEL:
            return False
        return media.cleaning is not Cleaning.NOT_REQUIRED

    def _waits(self, media: Media, rules: Rules) -> bool:
        """True when this level is to be tried now."""
        if rules.mask is MaskPolicy.NONE:
            return False
        if media.cleaning in (Cleaning.WAITING, Cleaning.RUNNING):
            return media.next_level is self._level
        if self._level is not Cleaning.FRAME_LEVEL:
            return False
        if media.cleaning is Cleaning.RAW_ASIDE:
            return is_due(media, self._now) or media.tried != mark(rules, self._context)
        return not self._is_current(self._outputs.get(media.media), rules)

    def _is_current(self, output: Output | None, rules: Rules) -> bool:
        wanted = (rules.key, self._context.tools.code_version)
        return output is not None and (output.policy, output.code_version) == wanted

    def _without_killers(self, wanted: list[Media]) -> tuple[list[Media], list[Media]]:
        """Sends those a level down that ended their run, or broke on the disk, several times."""
        keys = [media.media for media in wanted]
        broken = attempts.count_broken(self._connection, keys, self._level)
        limit = self._context.settings.level_tries
        kept = [media for media in wanted if broken.get(media.media, 0) < limit]
        fallen = [
            fall(media, self._level, Reason.WORKER_CRASHED)
            for media in wanted
            if broken.get(media.media, 0) >= limit
        ]
        self.fallen[Reason.WORKER_CRASHED] += len(fallen)
        return kept, fallen

    def _hold(self, wanted: Sequence[Media]) -> list[Media]:
        running = [
            media.step(cleaning=Cleaning.WAITING if _rests(media) else media.cleaning).step(
                cleaning=Cleaning.RUNNING,
                next_level=self._level,
                verification=Verification.NONE,
                not_before=None,
            )
            for media in wanted
        ]
        owner, end = self._context.owner, self._context.lease_end()
        return leases.acquire(self._connection, running, owner, self._now, end)


def fall(media: Media, level: Cleaning, reason: Reason) -> Media:
    """The media after this level did not succeed: it waits for the next one down."""
    return media.step(cleaning=Cleaning.WAITING, next_level=below(level), reason=reason)


def _rests(media: Media) -> bool:
    return media.cleaning is Cleaning.NOT_REQUIRED


def _not_required(media: Media) -> Media:
    waiting = media if media.cleaning is Cleaning.WAITING else media.step(cleaning=Cleaning.WAITING)
    return waiting.step(
        cleaning=Cleaning.NOT_REQUIRED,
        next_level=None,
        verification=Verification.NONE,
        reason=None,
        not_before=None,
    ).release()


def is_due(media: Media, now: datetime) -> bool:
    """True when a raw item's cause may have passed by now."""
    return media.not_before is not None and media.not_before <= now


def mark(rules: Rules, context: Context) -> str:
    """What is written on an item that the whole ladder could not clean."""
    return rules.key + version_mark(context.tools.code_version)
