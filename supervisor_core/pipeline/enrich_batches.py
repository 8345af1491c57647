"""Taking items in hand, a batch at a time, as breaker, window and budget of their model allow."""

import statistics
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from supervisor_core.enrichment.modes import Mode
from supervisor_core.keys import MediaKey
from supervisor_core.model import breaker
from supervisor_core.model.breaker import Lost, Wanted, event_of
from supervisor_core.model.guard import rules_of
from supervisor_core.model.hosts import Endpoint
from supervisor_core.model.window import budget_s
from supervisor_core.pipeline.asking import frames_limit_s
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.enrich_asking import Claim, Questioning
from supervisor_core.pipeline.enrich_subjects import Subject
from supervisor_core.pipeline.tasks import Tasks
from supervisor_core.reasons import Reason
from supervisor_core.store import Connection, breakers, gate, outputs, pauses, windows
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Attempt
from supervisor_core.store.gate import Readable
from supervisor_core.store.owners import this_process
from supervisor_core.store.work import Task

FIRST_SIZE = 4
FIRST_SIZE_MOST = 32
_SPARE_S = 60.0


@dataclass(frozen=True)
class Batch:
    """Claims in hand, so many places to ask from, and how long a question may take."""

    claims: tuple[Claim, ...]
    places: int = 1
    budget_s: float = 0.0


class Batches:
    """Takes the batches of one mode; `trial` names the one question that tries a closed circuit."""

    def __init__(self, context: Context, mode: Mode, model: str, tasks: Tasks) -> None:
        self.trial: str | None = None
        self._context = context
        self._mode = mode
        self._model = model
        self._tasks = tasks
        self._place = Endpoint.of(context.settings.ollama_url).place

    def first_size(self) -> int:
        """How many to take first: about a second's work, as the last questions went."""
        with self._context.store.read() as connection:
            taken = windows.lately(connection, self._model, self._mode.task).seconds
        if not taken:
            return FIRST_SIZE
        return max(1, min(FIRST_SIZE_MOST, int(1 / max(statistics.median(taken), 0.01))))

    def take(self, wanted: Sequence[tuple[Subject, str, str]]) -> Batch | Reason:
        """Takes a batch in hand; a reason when the model is left alone, no places: it is full."""
        settings, now = self._context.settings, self._context.now()
        with self._context.store.write() as connection:
            reason = self._may_ask(connection, now)
            if reason is not None:
                return reason
            mine = list(wanted[:1] if self.trial else wanted)
            longest_s = self._longest_s([subject for subject, _, _ in mine])
            until = now + timedelta(seconds=longest_s)
            at_once = min(len(mine), settings.enrich_window)
            places = windows.take(
                connection, self._place, self._model, self._context.owner, at_once, now, until
            )
            if places == 0:
                return Batch((), 0)
            lately = windows.lately(connection, self._model, self._mode.task)
            claims = self._claims(connection, mine, longest_s)
        idle_s = (now - lately.last).total_seconds() if lately.last else None
        least_s, most_s = settings.enrich_question_least_s, settings.model_total_s
        return Batch(tuple(claims), places, budget_s(lately.seconds, idle_s, least_s, most_s))

    def _may_ask(self, connection: Connection, now: datetime) -> Reason | None:
        """Asks the circuit breaker, as `model.guard` does, unless the mode is paused."""
        self.trial = None
        if pauses.covering(pauses.load(connection), self._mode.task) is not None:
            return Reason.PAUSED
        circuit = breakers.load(connection, self._place, self._model)
        if circuit.phase is breaker.Phase.CLOSED:
            return None
        asker = this_process(f"trial:{uuid.uuid4().hex}")
        rules = rules_of(self._context.settings)
        circuit = breakers.advance(connection, self._place, self._model, Wanted(asker), now, rules)
        if not circuit.lets(asker):
            return Reason.BLOCKED_BY_OLLAMA
        self.trial = asker
        return None

    def _claims(
        self, connection: Connection, wanted: Sequence[tuple[Subject, str, str]], longest_s: float
    ) -> list[Claim]:
        """Opens the attempts of those whose file is still the one that was chosen."""
        now = readable_now(connection, [subject.media for subject, _, _ in wanted])
        mine = {
            subject.media: (subject, basis, key)
            for subject, basis, key in wanted
            if now.get(subject.media) == subject.readable
        }
        keys = {media: key for media, (_, _, key) in mine.items()}
        taken = self._tasks.take_all(connection, self._mode.task, keys, self._mode.name, longest_s)
        return [claim_of(*mine[task.media], task, attempt) for task, attempt in taken]

    def _longest_s(self, subjects: Sequence[Subject]) -> float:
        """How long a batch may be in hand: longer than all that can happen to one group of it.

        Should several groups take that long, others may take over what is left of them.
        """
        settings = self._context.settings
        each_s = settings.model_tries * (
            settings.model_retry_longest_s + 2 * settings.model_total_s
        )
        reading_s = sum(frames_limit_s(settings, one.seconds) for one in subjects)
        return reading_s + each_s + _SPARE_S

    def learn(self, connection: Connection, asking: Questioning) -> None:
        """Tells breaker and window how the server has answered."""
        settings, now = self._context.settings, self._context.now()
        windows.give_back(connection, self._place, self._model, self._context.owner)
        windows.learn(
            connection, self._place, self._model, asking.rounds, settings.enrich_window, now
        )
        asker = self.trial or this_process(f"trial:{uuid.uuid4().hex}")
        rules = rules_of(settings)
        for outcome in asking.outcomes:
            event = event_of(asker, outcome)
            breakers.advance(connection, self._place, self._model, event, now, rules)
        if self.trial and not asking.outcomes:
            breakers.advance(connection, self._place, self._model, Lost(asker), now, rules)
        self.trial = None


def claim_of(subject: Subject, basis: str, key: str, task: Task, attempt: Attempt) -> Claim:
    """A subject in hand."""
    return Claim(subject, task, attempt, key, basis)


def readable_now(connection: Connection, media: Iterable[MediaKey]) -> dict[MediaKey, Readable]:
    """The files that may be read for these media at this moment."""
    known = media_table.load(connection, media)
    files = outputs.current(connection, list(known))
    passed = (gate.pass_gate(one, files.get(one.media)) for one in known.values())
    return {one.media: one for one in passed if one is not None}
