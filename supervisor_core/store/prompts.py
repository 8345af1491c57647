"""The prompts pictures were generated from: one a media, and all that it was before.

Only what ranks as high replaces a prompt: what a model guesses never takes the place of what the
file says, and neither that of what a person has written.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from supervisor_core.enrichment.prompt import Prompt
from supervisor_core.keys import MediaKey
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, fetch_about, given, insert, keys

_SHAPE = {
    "media": "VARCHAR",
    "tool": "VARCHAR",
    "positive": "VARCHAR",
    "negative": "VARCHAR",
    "seed": "VARCHAR",
    "steps": "VARCHAR",
    "sampler": "VARCHAR",
    "cfg": "DOUBLE",
    "width": "BIGINT",
    "height": "BIGINT",
    "model": "VARCHAR",
    "origin": "VARCHAR",
    "raw": "VARCHAR",
    "digest": "VARCHAR",
    "updated": "TIMESTAMPTZ",
}
_HISTORY = _SHAPE | {"happened": "TIMESTAMPTZ", "who": "VARCHAR"}


class Origin(StrEnum):
    """Who says what the prompt was; later ones rank higher."""

    MODEL = "model"
    FILE = "file"
    HUMAN = "human"


_RANKS = {origin: rank for rank, origin in enumerate(Origin)}


@dataclass(frozen=True)
class StoredPrompt:
    """A prompt of one media; `raw` is the text that it was read from, `tool` None if unknown."""

    media: MediaKey
    positive: str
    negative: str = ""
    tool: str | None = None
    seed: int | None = None
    steps: int | None = None
    sampler: str | None = None
    cfg: float | None = None
    width: int | None = None
    height: int | None = None
    model: str | None = None
    origin: Origin = Origin.FILE
    raw: str = ""

    @classmethod
    def read(cls, media: MediaKey, prompt: Prompt) -> "StoredPrompt":
        """What a file says of itself."""
        width, height = prompt.size or (None, None)
        return cls(
            media=media,
            positive=prompt.positive,
            negative=prompt.negative,
            tool=prompt.tool.value,
            seed=prompt.seed,
            steps=prompt.steps,
            sampler=prompt.sampler,
            cfg=prompt.cfg,
            width=width,
            height=height,
            model=prompt.model,
            raw=prompt.raw,
        )

    @property
    def digest(self) -> str:
        """32 hex digits; equal for prompts that say the same."""
        words = json.dumps({**asdict(self), "media": ""}, sort_keys=True)
        return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True)
class Former:
    """What a prompt was until `happened`, and who replaced it."""

    prompt: StoredPrompt
    happened: datetime
    who: str


def of(connection: Connection, media: Iterable[str]) -> dict[MediaKey, StoredPrompt]:
    """The prompts of these media, where there are any."""
    found = map(_prompt, fetch_about(connection, "prompt", media))
    return {one.media: one for one in found}


def put(connection: Connection, prompts: Iterable[StoredPrompt], who: str, now: datetime) -> int:
    """Writes prompts that say something new, and keeps what they replace; returns how many."""
    wanted = {one.media: one for one in prompts}
    known = of(connection, wanted)
    changed = [one for one in wanted.values() if _replaces(one, known.get(one.media))]
    replaced = [known[one.media].media for one in changed if one.media in known]
    _keep_former(connection, replaced, who, now)
    if changed:
        assignments = ", ".join(f"{name} = given.{name}" for name in _SHAPE if name != "media")
        connection.execute(
            f"MERGE INTO prompt USING {ROWS} AS given USING (media)"
            f" WHEN MATCHED THEN UPDATE SET {assignments} WHEN NOT MATCHED THEN INSERT BY NAME",
            given(_SHAPE, [_row(one, now) for one in changed]),
        )
    return len(changed)


def history(connection: Connection, media: str) -> list[Former]:
    """What the prompt of a media was before, oldest first."""
    sql = "SELECT * FROM prompt_history WHERE media = ? ORDER BY happened"
    found = fetch(connection, sql, [media])
    return [
        Former(_prompt(row), row["happened"], str(row["who"]))  # type: ignore[arg-type]
        for row in found
    ]


def forget(connection: Connection, media: Iterable[str]) -> None:
    """Removes what files said of these media, and what was made of it: they are cleaned now."""
    values = keys("media", media)
    for table in ("prompt", "prompt_history"):
        connection.execute(
            f"DELETE FROM {table} WHERE media IN (SELECT media FROM {ROWS})",  # noqa: S608
            values,
        )


def _replaces(new: StoredPrompt, old: StoredPrompt | None) -> bool:
    if old is None:
        return True
    return _RANKS[new.origin] >= _RANKS[old.origin] and new.digest != old.digest


def _keep_former(connection: Connection, media: list[MediaKey], who: str, now: datetime) -> None:
    if media:
        rows = fetch_about(connection, "prompt", media)
        former = [{**row, "happened": now, "who": who} for row in rows]
        insert(connection, "prompt_history", _HISTORY, former)


def _row(prompt: StoredPrompt, now: datetime) -> dict[str, object]:
    seed = None if prompt.seed is None else str(prompt.seed)
    steps = None if prompt.steps is None else str(prompt.steps)
    raw = json.dumps(prompt.raw)
    more = {"seed": seed, "steps": steps, "raw": raw, "digest": prompt.digest, "updated": now}
    return {**vars(prompt), **more}


def _prompt(row: dict[str, object]) -> StoredPrompt:
    values = {name: row[name] for name in StoredPrompt.__dataclass_fields__}
    whole = {name: None if row[name] is None else int(str(row[name])) for name in ("seed", "steps")}
    more = {"raw": json.loads(str(row["raw"])), "origin": Origin(str(row["origin"]))}
    return StoredPrompt(**{**values, **whole, **more})
