"""What becomes of an answer: a row, values for fields, tags and vectors; nothing is made up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from supervisor_core.enrichment.measuring import Measured
from supervisor_core.enrichment.modes import OPTIONS, Asks, Mode, Question
from supervisor_core.model.together import Reply
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.enrich_asking import Claim, Said
from supervisor_core.pipeline.enrich_subjects import Subject
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import Connection, enrichments, fields, tags
from supervisor_core.store.enrichments import Enrichment
from supervisor_core.store.fields import Field
from supervisor_core.store.tags import Tag

_KINDS = ("subject", "character", "style", "setting", "quality", "meta")


@dataclass(frozen=True)
class Results:
    """Makes rows of one mode and writes them; `read` is when their inputs were."""

    context: Context
    mode: Mode
    question: Question
    recipe: str
    model: str
    read: datetime

    def row(self, claim: Claim, said: Said, digest: str) -> Enrichment | None:
        """The row for what was said; None when nothing was, or only what can't be a result."""
        if said.vector is not None:
            result: dict[str, Any] = {"dimensions": len(said.vector)}
            return self._made(claim, said, digest, Work.DONE, result, ())
        if said.failed is not None:
            if said.answer is None:
                return None
            return self._made(claim, said, digest, Work.ERROR, {}, (), said.failed.reason)
        if said.judged is None:
            return None
        result, flaws = dict(said.judged.result), said.judged.flaws
        if self.mode.name == "quality":
            result = with_measured(result, said.measured)
        if self.mode.tags:
            result, more = only_raw(result, claim.subject.raw_tags)
            flaws = (*flaws, *more)
        return self._made(claim, said, digest, Work.DONE, result, flaws)

    def nothing(self, claim: Claim, reason: Reason | None) -> Enrichment:
        """The row of one for whom there was nothing to ask about."""
        return self._made(claim, Said(), "", Work.ABSTAINED, {}, (), reason)

    def computed(
        self, claim: Claim, state: Work, result: Mapping[str, Any], flaws: Sequence[str]
    ) -> Enrichment:
        """The row of a result that no model had a part in."""
        return self._made(claim, Said(), "", state, result, flaws)

    def measured(self, subject: Subject, reply: Reply, keys: tuple[str, str]) -> Enrichment:
        """The row of what was measured while no model could be asked."""
        basis, key = keys
        now = self.context.now()
        return Enrichment(
            key=key,
            basis=basis,
            media=subject.media,
            mode=self.mode.name,
            output=subject.readable.sha256,
            state=Work.DEGRADED,
            reason=Reason.BLOCKED_BY_OLLAMA,
            recipe=self.recipe,
            prompt_hash=self.question.digest,
            attempt="",
            created=now,
            checked=self.read,
            result=with_measured({}, reply.measured),
            flaws=("model",),
            frames=tuple(vars(one) for one in reply.shown),
            seconds=reply.seconds,
        )

    def save(self, connection: Connection, rows: Sequence[tuple[Enrichment, Said]]) -> None:
        """Writes rows, and of those that count their fields, tags and vectors."""
        counting = enrichments.save(connection, [row for row, _ in rows])
        now = self.context.now()
        said = {row.media: one for row, one in rows}
        fields.propose(connection, [f for row in counting for f in self._fields(row)], now)
        if self.mode.tags:
            found = {row.media: _tags(row.result) for row in counting}
            tags.put_all(connection, found, f"model:{self.mode.name}", now)
        vectors = {row.media: said[row.media].vector for row in counting}
        with_vector = {media: one for media, one in vectors.items() if one is not None}
        if self.mode.asks is Asks.EMBED:
            kept = [row for row in counting if row.media in with_vector]
            enrichments.keep_vectors(connection, kept, with_vector)

    def _fields(self, row: Enrichment) -> list[Field]:
        by = "model" if row.model else "computed"
        return [
            Field(row.media, name, row.result[key], f"{by}:{row.mode}", who=row.model)
            for name, key in self.mode.fields.items()
            if key in row.result
        ]

    def _made(
        self,
        claim: Claim,
        said: Said,
        digest: str,
        state: Work,
        result: Mapping[str, Any],
        flaws: Sequence[str],
        reason: Reason | None = None,
    ) -> Enrichment:
        answer = said.answer
        all_flaws = (*flaws, *(f"input:{name}" for name in claim.subject.gaps))
        if state is Work.DONE and all_flaws:
            state = Work.DEGRADED
        asked = answer is not None
        return Enrichment(
            key=claim.key,
            basis=claim.basis,
            media=claim.media,
            mode=self.mode.name,
            output=claim.subject.readable.sha256,
            state=state,
            reason=reason,
            result=result,
            raw=answer.text[: self.context.settings.enrich_raw_chars] if answer else "",
            flaws=tuple(dict.fromkeys(all_flaws)),
            inputs=claim.subject.inputs,
            frames=tuple(vars(one) for one in said.shown),
            recipe=self.recipe,
            prompt_hash=self.question.digest,
            model=self.model if asked else "",
            model_digest=(answer.digest if answer else "") or digest,
            options=OPTIONS if asked else {},
            prompt_tokens=answer.prompt_tokens if answer else 0,
            answer_tokens=answer.answer_tokens if answer else 0,
            model_seconds=answer.total_s if answer else 0.0,
            seconds=claim.attempt.seconds or 0.0,
            attempt=claim.attempt.id,
            created=self.context.now(),
            checked=self.read,
        )


def with_measured(result: dict[str, Any], measured: Measured | None) -> dict[str, Any]:
    """A quality with what was measured, and who found which flag."""
    opinion = list(result.get("quality_flags", []))
    computed = measured.flags if measured else []
    both = list(dict.fromkeys([*computed, *opinion]))
    ways = {"measured": computed, "model": opinion}
    return {
        **result,
        "quality_flags": both,
        "by": {flag: [way for way, found in ways.items() if flag in found] for flag in both},
        "measured": measured.told() if measured else None,
        "model": "quality_score" in result,
    }


def only_raw(result: dict[str, Any], raw: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Normalised tags without those that no raw tag stands for; an entry of the map proves one."""
    entries = [one for one in result.get("tags_map", []) if one["raw"] in raw]
    proven = {one["normalized"] for one in entries}
    flaws = [] if len(entries) == len(result.get("tags_map", [])) else ["entries:tags_map"]
    given = result.get("tags_normalized", [])
    kept = [name for name in given if name in proven or _plain(name) in map(_plain, raw)]
    if len(kept) < len(given):
        flaws.append("unproven:tags_normalized")
    return {**result, "tags_map": entries, "tags_normalized": kept}, tuple(flaws)


def _plain(name: str) -> str:
    return name.rpartition(":")[2].lower().replace(" ", "_")


def _tags(result: Mapping[str, Any]) -> list[Tag]:
    """The normalised tags; the namespace is the kind that the model named."""
    entries = {one["normalized"]: one for one in result.get("tags_map", [])}
    found = []
    for name in result.get("tags_normalized", []):
        entry = entries.get(name, {})
        kind = entry.get("type", "")
        namespace = kind if kind in _KINDS else ""
        found.append(Tag(name, namespace, confidence=entry.get("confidence")))
    return found
