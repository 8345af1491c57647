"""Several questions at once, in the worker's child: each ends by itself, none stops another.

Pictures are decoded once and kept small: five modes ask about the same one. Paths travel, never
pictures. What is kept belongs to files by path, size and time, and goes with the child.
"""

import tempfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

from supervisor_core.enrichment.measuring import Measured, measure
from supervisor_core.media.stills import read_still
from supervisor_core.model.ollama import Answer, Limits, ModelServer, Vectors
from supervisor_core.model.pictures import shrunk
from supervisor_core.reasons import Failed

KEPT_BYTES = 128 * 1024**2


@dataclass(frozen=True)
class Terms:
    """Whom to ask, and within which limits."""

    url: str
    model: str
    hosts: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    picture_side: int = 1024
    picture_bytes: int = 4 * 1024**2


@dataclass(frozen=True)
class Sight:
    """What a question shows: a still, or so many frames of a video."""

    path: Path
    frames: int = 1
    video: bool = False


@dataclass(frozen=True)
class Shown:
    """One frame that was shown, by its place and time (s)."""

    index: int
    time_s: float
    sha256: str


@dataclass(frozen=True)
class Asked:
    """One question: its text, the shape of its answer, and what it shows."""

    prompt: str
    schema: Mapping[str, Any] | None = None
    sight: Sight | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What came of one question: an answer or why there is none; `seconds` it took, all in all."""

    answer: Answer | None = None
    failed: Failed | None = None
    shown: tuple[Shown, ...] = ()
    measured: Measured | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Seen:
    """A picture as it is sent, and what was measured of it."""

    content: bytes
    shown: Shown
    measured: Measured


def ask_together(terms: Terms, questions: Sequence[Asked]) -> list[Reply]:
    """Asks all at once and returns a reply for each, in their order."""
    if len(questions) == 1:
        return [_ask(terms, questions[0])]
    with ThreadPoolExecutor(max_workers=len(questions) or 1) as pool:
        return list(pool.map(lambda one: _ask(terms, one), questions))


def embed_texts(terms: Terms, texts: Sequence[str]) -> Vectors:
    """A vector for each text; raises what `ModelServer.embed` raises."""
    return ModelServer(terms.url, terms.hosts, terms.limits).embed(terms.model, texts)


def measure_sights(terms: Terms, sights: Sequence[Sight]) -> list[Reply]:
    """What can be measured of each, without asking anybody."""
    return [_told(terms, sight) for sight in sights]


def _told(terms: Terms, sight: Sight) -> Reply:
    started = monotonic()
    try:
        seen = look_at(sight, terms.picture_side, terms.picture_bytes)
    except Failed as failed:
        return Reply(failed=_plain(failed), seconds=monotonic() - started)
    return _reply(seen, monotonic() - started)


def _ask(terms: Terms, asked: Asked) -> Reply:
    started = monotonic()
    seen: list[Seen] = []
    try:
        if asked.sight is not None:
            seen = look_at(asked.sight, terms.picture_side, terms.picture_bytes)
        started = monotonic()
        server = ModelServer(terms.url, terms.hosts, terms.limits)
        pictures = [one.content for one in seen]
        answer = server.ask(terms.model, asked.prompt, pictures, asked.schema, asked.options)
    except Failed as failed:
        return _reply(seen, monotonic() - started, failed=_plain(failed))
    return _reply(seen, monotonic() - started, answer=answer)


def _reply(seen: Sequence[Seen], seconds: float, **more: Any) -> Reply:
    from supervisor_core.enrichment.measuring import typical

    measured = typical([one.measured for one in seen]) if seen else None
    return Reply(shown=tuple(one.shown for one in seen), measured=measured, seconds=seconds, **more)


def _plain(failed: Failed) -> Failed:
    """A failure that can travel: reason and facts."""
    return Failed(failed.reason, **failed.facts)


class _Kept:
    """What was decoded last, up to a size; the oldest goes first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: OrderedDict[tuple[object, ...], list[Seen]] = OrderedDict()
        self._bytes = 0

    def find(self, key: tuple[object, ...]) -> list[Seen] | None:
        with self._lock:
            return self._seen.get(key)

    def keep(self, key: tuple[object, ...], seen: list[Seen]) -> None:
        with self._lock:
            self._seen[key] = seen
            self._bytes += sum(len(one.content) for one in seen)
            while self._bytes > KEPT_BYTES and len(self._seen) > 1:
                _, old = self._seen.popitem(last=False)
                self._bytes -= sum(len(one.content) for one in old)


_kept = _Kept()


def look_at(sight: Sight, side: int, size_bytes: int) -> list[Seen]:
    """The pictures of a file as they are sent; raises what reading and shrinking them raise."""
    status = sight.path.stat()
    key = (sight.path, status.st_size, status.st_mtime_ns, sight.frames, side, size_bytes)
    found = _kept.find(key)
    if found is None:
        found = (
            _frames(sight, side, size_bytes) if sight.video else [_still(sight, side, size_bytes)]
        )
        _kept.keep(key, found)
    return found


def _still(sight: Sight, side: int, size_bytes: int) -> Seen:
    picture = read_still(sight.path)
    content = shrunk(picture, side, size_bytes)
    return Seen(content, Shown(0, 0.0, _sha256(content)), measure(picture))


def _frames(sight: Sight, side: int, size_bytes: int) -> list[Seen]:
    from supervisor_core.analysis.choosing import choose

    with tempfile.TemporaryDirectory() as folder:
        found = []
        for frame in choose(sight.path, sight.frames, Path(folder), side).frames:
            picture = read_still(frame.path)
            content = shrunk(picture, side, size_bytes)
            shown = Shown(frame.index, frame.time_s, _sha256(content))
            found.append(Seen(content, shown, measure(picture)))
        return found


def _sha256(content: bytes) -> str:
    from hashlib import sha256

    return sha256(content).hexdigest()
