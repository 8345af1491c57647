"""The mode `dupe_hints`: what may be the same is found here, and nobody is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor_core.enrichment.modes import MODES
from supervisor_core.keys import MediaKey
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.enrich_asking import Claim, Said
from supervisor_core.pipeline.enrich_results import Results
from supervisor_core.pipeline.enrich_subjects import Subject, key_of
from supervisor_core.pipeline.hinting import Hints, hints_for
from supervisor_core.pipeline.tasks import End, Tasks
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import Connection, enrichments, work

if TYPE_CHECKING:
    from supervisor_core.pipeline.enriching import Order

_MODE = MODES["dupe_hints"]
_CLAIM_S = 120.0


@dataclass(frozen=True)
class Hinting:
    """Writes the hints of an intake's media, and has those of their partners made anew."""

    context: Context
    tasks: Tasks
    results: Results
    recipe: str

    def run(self, subjects: Sequence[Subject], order: "Order") -> None:
        """Looks for all of these at once; what has found the same as before is left alone."""
        found = hints_for(self.context, [one.media for one in subjects])
        by_media = {one.media: one for one in subjects}
        waiting = [one for one in subjects if _nothing(found[one.media]) and one.open]
        held_back = dict.fromkeys(one.media for one in waiting)
        self.tasks.hold_back(_MODE.task, held_back, Work.BLOCKED, Reason.INPUTS_OPEN)
        keys = {}
        for one in subjects:
            if one not in waiting:
                basis = one.basis(_MODE, found[one.media].told() | {"open": list(one.open)})
                keys[one.media] = (basis, key_of(basis, self.recipe, ""))
        self._write(by_media, found, dict(list(keys.items())[: order.limit or len(keys)]))

    def _write(
        self,
        subjects: Mapping[MediaKey, Subject],
        found: Mapping[MediaKey, Hints],
        keys: Mapping[MediaKey, tuple[str, str]],
    ) -> None:
        with self.context.store.write() as connection:
            wanted = {media: key for media, (_, key) in keys.items()}
            taken = self.tasks.take_all(connection, _MODE.task, wanted, _MODE.name, _CLAIM_S)
            new = {task.media for task, _ in taken}
            self._touch(connection, [media for media in keys if media not in new])
            claims = [
                Claim(subjects[task.media], task, attempt, keys[task.media][1], keys[task.media][0])
                for task, attempt in taken
            ]
            ends, rows = [], []
            for claim in claims:
                hints = found[claim.media]
                state, reason = _state(hints, claim.subject)
                flaws = ("input:embed",) if state is Work.DEGRADED else ()
                row = (
                    self.results.nothing(claim, reason)
                    if state is Work.ABSTAINED
                    else self.results.computed(claim, state, hints.told(), flaws)
                )
                rows.append((row, Said()))
                ends.append(End(claim.task, claim.attempt, row.state, claim.key, reason))
            self.results.save(connection, rows)
            self.tasks.end_all(connection, ends)
            self._tell_partners(connection, claims, found)

    def _touch(self, connection: Connection, media: Sequence[MediaKey]) -> None:
        if media:
            enrichments.touch(connection, _MODE.name, media, self.results.read)

    def _tell_partners(
        self, connection: Connection, claims: Sequence[Claim], found: Mapping[MediaKey, Hints]
    ) -> None:
        """Queues the hints of media that were found for the first time and don't name us yet."""
        new = {
            hint.media: claim.media
            for claim in claims
            for hint in found[claim.media].found
            if hint.media not in _named(claim.subject.former)
        }
        mine = {claim.media for claim in claims}
        others = [media for media in new if media not in mine]
        known = enrichments.current(connection, others, [_MODE.name])
        loaded = work.load(connection, _MODE.task, others)
        again = [
            task.reopened()
            for media, task in loaded.items()
            if task.ended
            and task.state is not Work.CANCELLED
            and new[media] not in _named(known.get((media, _MODE.name)))
        ]
        work.save(connection, again, self.context.now())


def _nothing(hints: Hints) -> bool:
    return not hints.vector and not hints.fingerprint


def _state(hints: Hints, subject: Subject) -> tuple[Work, Reason | None]:
    """Done when all ways were there; degraded when the vector is missing that should have been."""
    if _nothing(hints):
        return Work.ABSTAINED, Reason.NO_INPUT
    missing = not hints.vector and (subject.open or subject.gaps)
    return (Work.DEGRADED, None) if missing else (Work.DONE, None)


def _named(former: enrichments.Enrichment | None) -> set[str]:
    found = former.result.get("hints", []) if former is not None else []
    return {str(one["media"]) for one in found}
