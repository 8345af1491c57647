"""What is known of single media: each mode's state and result, and the fields.

A result on a picture is told only while that file is still the one that may be read: what a model
says of a picture that is not clean any more may hold what stands in the picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from supervisor_core.enrichment.modes import MODES
from supervisor_core.keys import MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import enrichments, fields, outputs, work
from supervisor_core.store import media as media_table
from supervisor_core.store.database import Connection
from supervisor_core.store.enrichments import Enrichment
from supervisor_core.store.fields import Field
from supervisor_core.store.gate import Readable, pass_gate
from supervisor_core.store.work import Task


@dataclass(frozen=True)
class Standing:
    """One mode of one media: how far it is, and what was found."""

    state: Work
    reason: Reason | None = None
    attempts: int = 0
    not_before: datetime | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    flaws: tuple[str, ...] = ()
    model: str = ""
    key: str = ""
    created: datetime | None = None

    def told(self) -> dict[str, Any]:
        """As plain values."""
        moments = {"not_before": self.not_before, "created": self.created}
        return {
            **vars(self),
            "state": self.state.value,
            "reason": self.reason.value if self.reason else None,
            **{name: one.isoformat() if one else None for name, one in moments.items()},
        }


@dataclass(frozen=True)
class Enriched:
    """All that is known of one media."""

    media: MediaKey
    modes: Mapping[str, Standing]
    fields: Mapping[str, Field]


def of(
    connection: Connection, media: Sequence[MediaKey], mode: str | None = None
) -> list[Enriched]:
    """What is known of these media, of those that may be read; of one mode or all."""
    known = media_table.load(connection, media)
    files = outputs.current(connection, list(known))
    passed = {key: pass_gate(one, files.get(key)) for key, one in known.items()}
    return of_readable(connection, [one for one in passed.values() if one is not None], mode)


def of_readable(
    connection: Connection, files: Sequence[Readable], mode: str | None = None
) -> list[Enriched]:
    """The same of files that have passed the gate."""
    readable = {one.media: one.sha256 for one in files}
    results = enrichments.current(connection, readable)
    named = fields.of(connection, readable)
    names = [name for name in MODES if mode in (None, name)]
    tasks = work.load_all(connection, readable)
    return [
        Enriched(
            key,
            {
                name: _standing(
                    tasks.get((MODES[name].task, key)), _shown(results.get((key, name)), sha256)
                )
                for name in names
                if (MODES[name].task, key) in tasks or (key, name) in results
            },
            named.get(key, {}),
        )
        for key, sha256 in readable.items()
    ]


def _shown(result: Enrichment | None, sha256: str) -> Enrichment | None:
    if result is None or not MODES[result.mode].picture:
        return result
    return result if result.output == sha256 else None


def _standing(task: Task | None, result: Enrichment | None) -> Standing:
    state = task.state if task is not None else Work.QUEUED
    reason = task.reason if task is not None else None
    if result is None:
        attempts = task.attempts if task is not None else 0
        return Standing(state, reason, attempts, task.not_before if task is not None else None)
    return Standing(
        state=state if task is not None else result.state,
        reason=reason or result.reason,
        attempts=task.attempts if task is not None else 0,
        not_before=task.not_before if task is not None else None,
        result=result.result,
        flaws=result.flaws,
        model=result.model,
        key=result.key,
        created=result.created,
    )
