"""The questions of one mode: several at once, each with its own end, and what may stand of it.

All that decodes pictures or talks to the server runs in the worker's child and ends at its limit.
Where a group is ended as a whole, each of it is asked again alone: one that hangs its decoder takes
no other with it. Whoever loses an item while it is asked about (cancelled, deleted) has the child
ended.
"""

import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from supervisor_core.deadline import DeadlineExceeded, WorkerCrashed
from supervisor_core.enrichment.judging import Judged, judge
from supervisor_core.enrichment.measuring import Measured
from supervisor_core.enrichment.modes import FRAMES, OPTIONS, Asks, Mode, Question
from supervisor_core.keys import MediaKey
from supervisor_core.model.child import limits_of
from supervisor_core.model.ollama import Answer
from supervisor_core.model.retrying import Patience, may_pass
from supervisor_core.model.together import Asked, Reply, Shown, Sight, Terms
from supervisor_core.model.window import Round
from supervisor_core.pipeline.asking import AWAY, frames_limit_s, hosts_for, require_sendable
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.enrich_subjects import Subject
from supervisor_core.pipeline.enrich_watching import Lost, watched
from supervisor_core.pipeline.places import readable_file
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import analyses
from supervisor_core.store.attempts import Attempt
from supervisor_core.store.work import Task

_SPARE_S = 15.0
_WATCH_S = 1.0
_AGAIN = "\nYour last answer lacked `{key}`. Answer again, with every key of the schema."


@dataclass(frozen=True)
class Claim:
    """A subject in hand, with its task and attempt, and the key that its result will have."""

    subject: Subject
    task: Task
    attempt: Attempt
    key: str
    basis: str

    @property
    def media(self) -> MediaKey:
        """Its media."""
        return self.subject.media


@dataclass(frozen=True)
class Said:
    """What came of one question: what of it stands or why nothing does, and what the model said."""

    judged: Judged | None = None
    failed: Failed | None = None
    answer: Answer | None = None
    vector: tuple[float, ...] | None = None
    shown: tuple[Shown, ...] = ()
    measured: Measured | None = None
    seconds: float = 0.0


@dataclass
class Questioning:
    """Asks the questions of one mode; what was sent and how it went is noted for the store."""

    context: Context
    mode: Mode
    question: Question
    model: str
    questions: list[analyses.Question] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    outcomes: list[Reason | None] = field(default_factory=list)
    _sights: dict[MediaKey, Sight] = field(default_factory=dict)

    def forget(self) -> None:
        """Begins with empty notes."""
        self.questions, self.rounds, self.outcomes = [], [], []

    def ask(self, claims: Sequence[Claim], places: int, budget_s: float) -> dict[MediaKey, Said]:
        """Asks about all of these, so many at once, each within the budget."""
        if self.mode.asks is Asks.EMBED:
            return self._embed(claims, budget_s)
        found: dict[MediaKey, Said] = {}
        for start in range(0, len(claims), places):
            found |= self._group(claims[start : start + places], budget_s)
        return found

    def terms(self, readable_hosts: frozenset[str], budget_s: float) -> Terms:
        """Whom to ask and within which limits."""
        settings = self.context.settings
        limits = limits_of(settings)
        return Terms(
            url=settings.ollama_url,
            model=self.model,
            hosts=readable_hosts,
            limits=replace(limits, total_s=budget_s, read_s=min(limits.read_s, budget_s)),
            picture_side=settings.picture_side,
            picture_bytes=settings.picture_bytes,
        )

    def _group(self, claims: Sequence[Claim], budget_s: float) -> dict[MediaKey, Said]:
        """Asks until each has an answer or a reason that asking again does not change."""
        found: dict[MediaKey, Said] = {}
        blamed: dict[MediaKey, Reason] = {}
        lacking: dict[MediaKey, str] = {}
        left = list(claims)
        patience = Patience.of(self.context.settings)
        for number in range(1, patience.tries + 1):
            said = self._once(left, budget_s, lacking)
            again, left = left, []
            for claim in again:
                one = said[claim.media]
                found[claim.media] = one
                if one.failed is not None and may_pass(one.failed):
                    left.append(claim)
                    if one.failed.reason not in AWAY:
                        blamed[claim.media] = one.failed.reason
            if not left or number == patience.tries:
                break
            budget_s = self.context.settings.model_total_s
            self.context.tools.sleep(_wait_s(patience, number))
        return {media: _blamed(one, blamed.get(media)) for media, one in found.items()}

    def _once(
        self, claims: Sequence[Claim], budget_s: float, lacking: dict[MediaKey, str]
    ) -> dict[MediaKey, Said]:
        """Asks each once; whoever lacks a key is asked once more, and only that once."""
        replies = self._send(claims, budget_s, lacking)
        said = {one.media: self._judged(replies[one.media]) for one in claims}
        again = [one for one in claims if one.media not in lacking and _lacks(said[one.media])]
        if again:
            for one in again:
                failed = said[one.media].failed
                lacking[one.media] = str(failed.facts["key"]) if failed else ""
            replies = self._send(again, budget_s, lacking)
            for one in again:
                said[one.media] = self._judged(replies[one.media])
        return said

    def _judged(self, reply: Reply) -> Said:
        if reply.answer is None or self.question.schema is None:
            return _said(reply, failed=reply.failed or Failed(Reason.NOT_AN_ANSWER))
        try:
            judged = judge(reply.answer.text, self.question.schema, self.mode.essential)
        except Failed as failed:
            return _said(reply, failed=failed)
        return _said(reply, judged=judged)

    def _send(
        self, claims: Sequence[Claim], budget_s: float, lacking: Mapping[MediaKey, str]
    ) -> dict[MediaKey, Reply]:
        """Sends the questions that may be sent, all at once, and notes what came of each."""
        replies: dict[MediaKey, Reply] = {}
        sendable = []
        for claim in claims:
            try:
                require_sendable(self.context.settings, claim.subject.readable)
                if self.mode.picture:
                    self._sights[claim.media] = self.sight(claim.subject)
            except Failed as failed:
                replies[claim.media] = Reply(failed=failed)
            else:
                sendable.append(claim)
        for claim, reply in zip(sendable, self._call(sendable, budget_s, lacking), strict=True):
            replies[claim.media] = reply
            self._note(claim, reply.seconds, reply.answer, reply.failed)
        self._note_round([replies[claim.media] for claim in sendable])
        return replies

    def _call(
        self, claims: Sequence[Claim], budget_s: float, lacking: Mapping[MediaKey, str]
    ) -> list[Reply]:
        if not claims:
            return []
        asked = [self._asked(one, lacking.get(one.media)) for one in claims]
        hosts = frozenset.intersection(*(self._hosts(one) for one in claims))
        reading_s = sum(
            frames_limit_s(self.context.settings, one.subject.seconds)
            for one in claims
            if self.mode.picture
        )
        started_s = time.monotonic()
        try:
            with watched(self.context, [one.task for one in claims]):
                return self.context.worker.call(
                    self.context.tools.ask_together,
                    self.terms(hosts, budget_s),
                    asked,
                    limit_s=budget_s + reading_s + _SPARE_S,
                )
        except (DeadlineExceeded, WorkerCrashed) as failed:
            if len(claims) == 1:
                return [Reply(failed=failed, seconds=time.monotonic() - started_s)]
        except Lost as lost:
            if len(claims) == 1:
                return [Reply(failed=Failed(Reason.LEASE_LOST))]
            gone = lost.media
            return [
                Reply(failed=Failed(Reason.LEASE_LOST))
                if one.media in gone
                else self._call([one], budget_s, lacking)[0]
                for one in claims
            ]
        return [self._call([one], budget_s, lacking)[0] for one in claims]

    def _asked(self, claim: Claim, lacks: str | None) -> Asked:
        text = self.question.filled(claim.subject.words)
        sight = self._sights.get(claim.media)
        if sight is not None and sight.video:
            text += f"\nYou see up to {FRAMES} frames of one video, in their order."
        if lacks:
            text += _AGAIN.format(key=lacks)
        return Asked(text, self.question.schema, sight, OPTIONS)

    def sight(self, subject: Subject) -> Sight:
        """What is shown of a subject; raises `Failed` as `places.readable_file` does."""
        path = readable_file(self.context.home, subject.readable)
        return Sight(path, FRAMES if subject.video else 1, subject.video)

    def _hosts(self, claim: Claim) -> frozenset[str]:
        return hosts_for(self.context.settings, claim.subject.readable)

    def _embed(self, claims: Sequence[Claim], budget_s: float) -> dict[MediaKey, Said]:
        """Has all texts made into vectors in one request; where that fails, each alone."""
        settings = self.context.settings
        allowed, found = [], {}
        for claim in claims:
            try:
                require_sendable(settings, claim.subject.readable)
            except Failed as failed:
                found[claim.media] = Said(failed=failed)
            else:
                allowed.append(claim)
        patience = Patience.of(settings)
        for number in range(1, patience.tries + 1):
            said = self._vectors(allowed, budget_s)
            found |= said
            failed_ = [one.failed for one in said.values() if one.failed is not None]
            allowed = [one for one in allowed if _passes(said[one.media])]
            if not allowed or not failed_ or number == patience.tries:
                break
            self.context.tools.sleep(_wait_s(patience, number))
        return found

    def _vectors(self, claims: Sequence[Claim], budget_s: float) -> dict[MediaKey, Said]:
        if not claims:
            return {}
        texts = [" ".join(self.question.filled(one.subject.words).split()) for one in claims]
        hosts = frozenset.intersection(*(self._hosts(one) for one in claims))
        started_s = time.monotonic()
        failed: Failed
        try:
            with watched(self.context, [one.task for one in claims]):
                made = self.context.worker.call(
                    self.context.tools.embed,
                    self.terms(hosts, budget_s),
                    texts,
                    limit_s=budget_s + _SPARE_S,
                )
        except Lost as lost:
            kept = [one for one in claims if one.media not in lost.media]
            gone = {one.media: Said(failed=Failed(Reason.LEASE_LOST)) for one in claims}
            return gone | self._vectors(kept, budget_s)
        except Failed as error:
            failed = error
        else:
            each_s = (time.monotonic() - started_s) / len(claims)
            share = Answer("", "stop", made.prompt_tokens // len(claims), 0, 0.0, 0.0, made.digest)
            answer = replace(share, total_s=made.total_s / len(claims))
            found = {}
            for claim, vector in zip(claims, made.vectors, strict=True):
                self._note(claim, each_s, answer, None)
                found[claim.media] = Said(vector=vector, answer=answer, seconds=each_s)
            self.outcomes.append(None)
            return found
        if len(claims) > 1 and not failed.reason.transient:
            # One text may be at fault for all.
            single = [self._vectors([one], budget_s) for one in claims]
            return {media: said for one in single for media, said in one.items()}
        seconds = time.monotonic() - started_s
        for claim in claims:
            self._note(claim, seconds / len(claims), None, failed)
        self.outcomes.append(failed.reason)
        return {one.media: Said(failed=failed, seconds=seconds) for one in claims}

    def _note(
        self, claim: Claim, seconds: float, answer: Answer | None, failed: Failed | None
    ) -> None:
        """Notes a question for the store; one that was never sent is none."""
        if answer is None and failed is not None and failed.reason is Reason.LEASE_LOST:
            return
        self.questions.append(
            analyses.Question(
                id=uuid.uuid4().hex,
                attempt=claim.attempt.id,
                media=claim.media,
                task=self.mode.task,
                asked=self.context.now(),
                seconds=seconds,
                reason=failed.reason if failed else None,
                prompt_tokens=answer.prompt_tokens if answer else 0,
                answer_tokens=answer.answer_tokens if answer else 0,
                load_s=answer.load_s if answer else 0.0,
                model=self.model,
            )
        )

    def _note_round(self, replies: Sequence[Reply]) -> None:
        answered = tuple(
            max(one.seconds - one.answer.load_s, 0.0) for one in replies if one.answer is not None
        )
        failed = tuple(one.failed.reason for one in replies if one.failed is not None)
        self.rounds.append(Round(len(replies), answered, failed))
        self.outcomes += [one.failed.reason if one.failed else None for one in replies]


def _said(reply: Reply, judged: Judged | None = None, failed: Failed | None = None) -> Said:
    return Said(
        judged=judged,
        failed=failed,
        answer=reply.answer,
        shown=reply.shown,
        measured=reply.measured,
        seconds=reply.seconds,
    )


def _lacks(said: Said) -> bool:
    return said.failed is not None and said.failed.reason is Reason.MISSING_KEY


def _passes(said: Said) -> bool:
    return said.failed is not None and may_pass(said.failed)


def _blamed(said: Said, reason: Reason | None) -> Said:
    """Where this very item has brought the server down, that is told, and not its rest."""
    if said.failed is not None and said.failed.reason in AWAY and reason is not None:
        return replace(said, failed=Failed(reason))
    return said


def _wait_s(patience: Patience, number: int) -> float:
    """A wait that grows, drawn at random so that many don't come back together."""
    grown = min(patience.longest_s, patience.first_s * 2**number)
    return random.uniform(min(patience.first_s, grown), grown)  # noqa: S311
