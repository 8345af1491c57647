"""One analysis of one media: frames are chosen, a model is asked, the answer is judged.

Whatever decodes, encodes or talks to the server runs in the worker's child and ends at its limit.
Nothing but a file that passes the gate is read, it is looked at again before every question, and
to another machine nothing goes that was not cleaned and verified.
"""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from supervisor_core.analysis.choosing import Chosen
from supervisor_core.analysis.evidence import Judged, judge
from supervisor_core.analysis.kinds import Kind, decide
from supervisor_core.deadline import DeadlineExceeded
from supervisor_core.model.breaker import Phase
from supervisor_core.model.child import Request
from supervisor_core.model.guard import Guard, rules_of
from supervisor_core.model.health import Health, State
from supervisor_core.model.hosts import Endpoint
from supervisor_core.model.ollama import OPTIONS, Answer
from supervisor_core.model.retrying import Patience, retried
from supervisor_core.pipeline.context import Context, Progress
from supervisor_core.pipeline.places import attempt_folder, readable_file
from supervisor_core.pipeline.subjects import Subject
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import gate, pauses
from supervisor_core.store.analyses import Question
from supervisor_core.store.attempts import Attempt
from supervisor_core.store.gate import Readable
from supervisor_core.store.owners import is_gone

CHILD_SPARE_S = 1.0
# The server is away, or is left alone for a while: that is no fault of the item.
AWAY = frozenset({Reason.OLLAMA_DOWN, Reason.OLLAMA_UNREACHABLE, Reason.BLOCKED_BY_OLLAMA})
_SPARE_S = 15.0  # for starting the child and making the pictures small


@dataclass(frozen=True)
class Said:
    """What was made of the last answer: what of it may stand, the kind, and the frames shown.

    The questions that were sent for it, those in vain too, are in `Asking.questions`.
    """

    judged: Judged
    kind: Kind
    chosen: Chosen
    answer: Answer


@dataclass
class Asking:
    """Asks about subjects one after the other; `questions` are those of the present one."""

    context: Context
    questions: list[Question] = field(default_factory=list)

    def analyse(self, subject: Subject, attempt: Attempt, progress: Progress | None) -> Said:
        """Chooses, asks and judges.

        Raises `Failed`: NOT_VERIFIED, NO_USABLE_FRAME, what reading the file raises, or what
        `model.ollama.ModelServer.ask` raises once it was asked as often as the settings allow.
        """
        self.questions = []
        require_sendable(self.context.settings, subject.readable)
        self._require_current(subject)
        chosen = self._choose(subject, attempt, progress)
        answer = self._ask(subject, chosen, attempt)
        judged = judge(answer.text, subject.profile, chosen.frames)
        return Said(judged, _kind(subject, judged), chosen, answer)

    def _choose(self, subject: Subject, attempt: Attempt, progress: Progress | None) -> Chosen:
        context, settings = self.context, self.context.settings
        folder = attempt_folder(context.home, attempt.id)
        folder.mkdir(exist_ok=True)
        return context.worker.call(
            context.tools.choose,
            readable_file(context.home, subject.readable),
            folder,
            subject.profile.frames,
            settings.picture_side,
            limit_s=frames_limit_s(settings, subject.seconds),
            scratch=[folder],
            on_progress=progress,
        )

    def _ask(self, subject: Subject, chosen: Chosen, attempt: Attempt) -> Answer:
        """Asks until an answer comes, within the tries; every question is written down."""
        settings = self.context.settings
        guard = guard_of(self.context)
        pictures = tuple(frame.path for frame in chosen.frames)
        prompt = subject.profile.prompt_for(chosen.frames)
        request = Request.of(
            settings,
            prompt,
            pictures=pictures,
            schema=subject.profile.schema,
            hosts=hosts_for(settings, subject.readable),
        )

        def once() -> Answer:
            self._require_current(subject)
            with guard.asking(), self._noted(subject, attempt) as answers:
                answers.append(
                    self.context.worker.call(
                        self.context.tools.ask, request, limit_s=settings.model_total_s + _SPARE_S
                    )
                )
                return answers[0]

        try:
            return retried(once, Patience.of(settings), sleep=self.context.tools.sleep)
        except Failed as failed:
            raise self._blamed(failed) from None

    def _require_current(self, subject: Subject) -> None:
        """Raises `Failed(NOT_VERIFIED)` when the file may not be read any more."""
        with self.context.store.read() as connection:
            if gate.require_verified(connection, subject.media) != subject.readable:
                raise Failed(Reason.NOT_VERIFIED)

    def _blamed(self, failed: Failed) -> Failed:
        """What failed: where this very item has brought the server down, that, and not its rest."""
        reasons = [one.reason for one in self.questions if one.reason and one.reason not in AWAY]
        return Failed(reasons[-1]) if failed.reason in AWAY and reasons else failed

    @contextmanager
    def _noted(self, subject: Subject, attempt: Attempt) -> Iterator[list[Answer]]:
        """Notes the question that is asked in the block, and what came of it."""
        asked, started_s = self.context.now(), time.monotonic()
        answers: list[Answer] = []
        reason = None
        try:
            yield answers
        except Failed as failed:
            reason = failed.reason
            raise
        finally:
            self.questions.append(
                Question(
                    id=uuid.uuid4().hex,
                    attempt=attempt.id,
                    media=subject.media,
                    task=subject.task,
                    asked=asked,
                    seconds=time.monotonic() - started_s,
                    reason=reason,
                    prompt_tokens=sum(one.prompt_tokens for one in answers),
                    answer_tokens=sum(one.answer_tokens for one in answers),
                    load_s=sum(one.load_s for one in answers),
                    model=self.context.settings.model,
                )
            )


def model_health(context: Context, model: str = "") -> Health:
    """How the model server is, asked in the child: also a name that is looked up has its limit.

    Of the settings' model, when no other one is named.
    """
    settings, limit_s = context.settings, context.settings.model_health_s
    try:
        return context.worker.call(
            context.tools.look,
            settings.ollama_url,
            model or settings.model,
            settings.model_host_names,
            limit_s,
            limit_s=limit_s + CHILD_SPARE_S,
        )
    except DeadlineExceeded:
        return Health(State.DOWN, Reason.OLLAMA_UNREACHABLE, seconds=limit_s)


def model_rests(context: Context, model: str = "") -> Reason | None:
    """Why the model is left alone just now though it may be well; None when it may be asked."""
    circuit = guard_of(context, model).circuit()
    tried_in_vain = circuit.trial is not None and is_gone(circuit.trial)
    if circuit.phase is Phase.CLOSED or circuit.until is None or tried_in_vain:
        return None
    return Reason.BLOCKED_BY_OLLAMA if circuit.until > context.now() else None


def paused(context: Context, task: str) -> Reason | None:
    """PAUSED while a person has said that nobody is to begin this task or its family."""
    with context.store.read() as connection:
        found = pauses.covering(pauses.load(connection), task)
    return Reason.PAUSED if found is not None else None


def guard_of(context: Context, model: str = "") -> Guard:
    """The circuit breaker around the settings' model, or another one."""
    settings = context.settings
    name = model or settings.model
    return Guard(context.store, settings.ollama_url, name, rules_of(settings))


def _kind(subject: Subject, judged: Judged) -> Kind:
    """What it shows: by the operator's word, the model's, or the hint of its name."""
    said = judged.result.get("kind")
    word = said.get("value") if isinstance(said, dict) else None
    return decide(subject.tag, word, subject.hint, subject.profile)


def require_sendable(settings: Settings, readable: Readable) -> None:
    """Raises `Failed(MODEL_HOST_FORBIDDEN)` for a file nobody has cleaned and another machine."""
    if not _cleaned(readable) and not Endpoint.of(settings.ollama_url).local:
        raise Failed(Reason.MODEL_HOST_FORBIDDEN, which="not_cleaned")


def hosts_for(settings: Settings, readable: Readable) -> frozenset[str]:
    """The hosts that the frames of a file may go to; a local server passes on no uncleaned ones."""
    return settings.model_host_names if _cleaned(readable) else frozenset()


def _cleaned(readable: Readable) -> bool:
    return readable.sha256 != readable.media


def frames_limit_s(settings: Settings, seconds: float) -> float:
    """How long choosing the frames of a media of this length may take."""
    return settings.frames_base_s + settings.frames_rate * seconds


def longest_s(settings: Settings, subject: Subject) -> float:
    """How long a subject may be in hand: longer than all that can happen to it."""
    asking_s = settings.model_tries * (settings.model_retry_longest_s + settings.model_total_s)
    return frames_limit_s(settings, subject.seconds) + asking_s + 2 * _SPARE_S


def key_of(settings: Settings, subject: Subject, digest: str) -> str:
    """The hex SHA-256 over everything that an analysis rests on: the same key, the same result."""
    rests_on = {
        "content": subject.readable.sha256,
        "profile": subject.profile.name,
        "frames": subject.profile.frames,
        "prompt": subject.profile.prompt_hash,
        "model": settings.model,
        "digest": digest,
        "options": dict(OPTIONS),
        "picture_side": settings.picture_side,
    }
    return sha256(json.dumps(rests_on, sort_keys=True).encode()).hexdigest()
