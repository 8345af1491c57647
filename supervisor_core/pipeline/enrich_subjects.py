"""What of an intake is to be enriched in a mode, and all that the result will rest on."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from supervisor_core.enrichment.modes import MODES, Mode, in_order
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.media.kinds import Kind
from supervisor_core.media.policy import load_profile, profile_names
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Work
from supervisor_core.store import Connection, enrichments, fields, gate, prompts, tags, work
from supervisor_core.store import media as media_table
from supervisor_core.store.enrichments import Enrichment
from supervisor_core.store.fields import Field
from supervisor_core.store.gate import Readable
from supervisor_core.store.prompts import Origin, StoredPrompt
from supervisor_core.store.tags import FILE, HUMAN, Tag
from supervisor_core.store.work import Task

_BADLY = (Work.ERROR, Work.DEAD, Work.CANCELLED)
_RAW_SOURCES = (FILE, HUMAN)
_TEXT_CHARS = 8000


@dataclass(frozen=True)
class Subject:
    """A media to be enriched: `words` is what is known of it and stands in the question.

    `inputs` are the keys of the results it rests on; `open` the modes that have a result to make
    first, `gaps` those that will have none.
    """

    readable: Readable
    seconds: float
    video: bool
    task: Task | None
    former: Enrichment | None
    words: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    open: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    raw_tags: tuple[str, ...] = ()

    @property
    def media(self) -> MediaKey:
        """Its media."""
        return self.readable.media

    @property
    def corrected(self) -> bool:
        """True when it had a result before: something it rests on was put right."""
        return self.former is not None or (self.task is not None and self.task.key is not None)

    def basis(self, mode: Mode, more: object = None) -> str:
        """SHA-256 over content and inputs: the same for all results that rest on the same."""
        rests_on = {
            "mode": mode.name,
            "content": self.readable.sha256 if mode.picture else "",
            "inputs": dict(self.inputs),
            "words": dict(self.words),
            "gaps": list(self.gaps),
            "more": more,
        }
        return _digest(rests_on)

    def why_nothing(self, mode: Mode) -> Reason | None:
        """Why there is nothing to ask about; None when there is something."""
        if mode.name == "prompt_eval" and not self.words.get("prompt"):
            return Reason.NO_PROMPT
        if mode.tags and not self.raw_tags:
            return Reason.NO_TAGS
        if mode.inputs and mode.waits and not any(self.words.values()):
            return Reason.NO_INPUT
        return None


def key_of(basis: str, recipe: str, digest: str) -> str:
    """The hex SHA-256 over everything that a result rests on: the same key, the same result."""
    return _digest([basis, recipe, digest])


def modes_by_profile(folder: Path) -> dict[str, tuple[str, ...]]:
    """The modes that each profile asks for, those of its media; `folder` holds the operator's.

    What is no profile, and names that no mode has, are left out: doctor tells of them.
    """
    found = {}
    for name in profile_names(folder):
        with suppress(Failed):
            modes = in_order(load_profile(name, folder).enrich)
            if modes:
                found[name] = tuple(modes)
    return found


def subjects_of(
    context: Context, intake: IntakeKey, mode: Mode, chosen: Collection[str] = ()
) -> tuple[list[Subject], datetime]:
    """The readable files of an intake that want this mode, and the moment at which this was read.

    Of `chosen` media (keys, or 16 hex of them) whatever their profile asks for; else those whose
    profile asks for the mode, or of whom somebody has asked for it. What had a result before comes
    first.
    """
    asked_for = modes_by_profile(context.profiles_folder())
    with context.store.read() as connection:
        read = context.now()
        known = _Known.load(connection, intake, mode)
    wanted = [one for one in known.readable if known.wants(one.media, mode, asked_for, chosen)]
    found = [known.subject(one, mode, asked_for) for one in wanted]
    return sorted(found, key=lambda one: not one.corrected), read


@dataclass(frozen=True)
class _Known:
    """All that the store says of an intake's media for one mode."""

    readable: Sequence[Readable]
    info: Mapping[MediaKey, tuple[float, bool]]
    profiles: Mapping[MediaKey, set[str]]
    tasks: Mapping[str, Mapping[MediaKey, Task]]
    results: Mapping[tuple[MediaKey, str], Enrichment]
    prompts: Mapping[MediaKey, StoredPrompt]
    tags: Mapping[MediaKey, list[Tag]]
    fields: Mapping[MediaKey, Mapping[str, Field]]

    @classmethod
    def load(cls, connection: Connection, intake: IntakeKey, mode: Mode) -> "_Known":
        readable = gate.readable_of(connection, intake)
        media = [one.media for one in readable]
        names = (mode.name, *mode.inputs)
        infos = {key: one.info for key, one in media_table.load(connection, media).items()}
        profiles = media_table.profiles_of(connection, media)
        return cls(
            readable=readable,
            info={key: (one.seconds or 0.0, one.kind is Kind.VIDEO) for key, one in infos.items()},
            profiles={key: {name for name, _ in found} for key, found in profiles.items()},
            tasks={name: work.load(connection, MODES[name].task, media) for name in names},
            results=enrichments.current(connection, media, names),
            prompts=prompts.of(connection, media) if mode.prompt else {},
            tags=tags.of(connection, media) if mode.tags else {},
            fields=fields.of(connection, media) if mode.inputs else {},
        )

    def wants(
        self,
        media: MediaKey,
        mode: Mode,
        asked_for: Mapping[str, Collection[str]],
        chosen: Collection[str],
    ) -> bool:
        if chosen:
            return any(media.startswith(one) for one in chosen)
        task = self.tasks[mode.name].get(media)
        return self._by_profile(media, mode.name, asked_for) or (
            task is not None and not task.ended
        )

    def _by_profile(
        self, media: MediaKey, mode: str, asked_for: Mapping[str, Collection[str]]
    ) -> bool:
        return any(mode in asked_for.get(name, ()) for name in self.profiles.get(media, ()))

    def subject(
        self, readable: Readable, mode: Mode, asked_for: Mapping[str, Collection[str]]
    ) -> Subject:
        media = readable.media
        seconds, video = self.info[media]
        opened, gaps, results = [], [], {}
        for name in mode.inputs:
            result = self.results.get((media, name))
            task = self.tasks[name].get(media)
            fresh = result is not None and (not MODES[name].picture or _fits(result, readable))
            if self._is_open(media, name, task, asked_for) and not (fresh and not mode.waits):
                opened.append(name)
            elif result is not None and fresh:
                results[name] = result
            elif task is not None and task.state in _BADLY:
                gaps.append(name)
        raw = _raw_tags(self.tags.get(media, ()))
        return Subject(
            readable=readable,
            seconds=seconds,
            video=video,
            task=self.tasks[mode.name].get(media),
            former=self.results.get((media, mode.name)),
            words=self._words(media, mode, results, raw),
            inputs={name: one.key for name, one in results.items()},
            open=tuple(opened),
            gaps=tuple(gaps),
            raw_tags=raw,
        )

    def _is_open(
        self,
        media: MediaKey,
        name: str,
        task: Task | None,
        asked_for: Mapping[str, Collection[str]],
    ) -> bool:
        """True while a result of this mode is still to come."""
        if task is None:
            return self._by_profile(media, name, asked_for)
        return not task.ended

    def _words(
        self, media: MediaKey, mode: Mode, results: Mapping[str, Enrichment], raw: Sequence[str]
    ) -> dict[str, str]:
        """What a question says of a media; a person's word counts before a machine's."""
        stored = self.prompts.get(media)
        # What a model made up of the picture is no prompt that it was generated from.
        own = stored if stored is not None and stored.origin is not Origin.MODEL else None
        words = {}
        if mode.prompt:
            words["prompt"] = _short(own.positive if own else "")
        if mode.name == "prompt_eval":
            words["negative"] = _short(own.negative if own else "")
        if mode.tags:
            words["tags"] = _short("\n".join(raw))
        if mode.inputs and mode.waits:
            words |= self._found(media, results)
            if not words["prompt"] and "prompt_recon" in results:
                words["prompt"] = _short(results["prompt_recon"].result.get("prompt", ""))
        return words

    def _found(self, media: MediaKey, results: Mapping[str, Enrichment]) -> dict[str, str]:
        mine = {name: one for name, one in self.fields.get(media, {}).items() if one.locked}

        def said(name: str, mode: str, key: str) -> str:
            value: Any = ""
            if name in mine:
                value = mine[name].value
            elif mode in results:
                value = results[mode].result.get(key) or ""
            return _short(", ".join(map(str, value)) if isinstance(value, list) else str(value))

        return {
            "caption": said("caption", "caption", "caption"),
            "title": said("title", "title", "title"),
            "tags": said("tags", "tags_normalize", "tags_normalized"),
            "domain": said("domain", "quality", "domain_type"),
            "flags": said("flags", "quality", "quality_flags"),
        }


def _fits(result: Enrichment, readable: Readable) -> bool:
    return result.output == readable.sha256


def _raw_tags(found: Collection[Tag]) -> tuple[str, ...]:
    """The tags that files and people gave, as `namespace:name`, each once."""
    named = [
        f"{one.namespace}:{one.name}" if one.namespace else one.name
        for one in found
        if one.source in _RAW_SOURCES
    ]
    return tuple(dict.fromkeys(named))


def _short(text: str) -> str:
    return text[:_TEXT_CHARS]


def _digest(value: object) -> str:
    words = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
