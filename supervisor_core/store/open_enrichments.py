"""Which media of which intakes wait for which modes: one quick query over the whole library.

Next to nothing is open in a large library, so all of it is brought down to one row a media first, a
bit for each mode. What has ended is open again when it rests on something else than it should: on
another file, question or model, or on a prompt, tag, field or result that came later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.enrichment.modes import MODES
from supervisor_core.keys import IntakeKey
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, given

_BITS = {name: 1 << number for number, name in enumerate(MODES)}
_PICTURES = [name for name, mode in MODES.items() if mode.picture]


@dataclass(frozen=True)
class Waiting:
    """The modes that media of an intake wait for, and for how many of them it is not the first.

    `fresh` are those of which it is not written yet that they wait for a model.
    """

    intake: IntakeKey
    modes: tuple[str, ...]
    fresh: tuple[str, ...]
    corrections: int


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _stale() -> Iterator[str]:
    """For each mode, when it rests on something that is not so any more."""
    for name, mode in MODES.items():
        late = [f"made_{one} > checked_{name}" for one in mode.inputs]
        late += ["prompted > checked_" + name] if mode.prompt else []
        late += ["tagged > checked_" + name] if mode.tags else []
        late += ["edited > checked_" + name] if mode.inputs and mode.waits else []
        late += ["paired > checked_" + name] if name == "dupe_hints" else []
        if late:
            conditions = " OR ".join(f"coalesce({one}, false)" for one in late)
            yield f"CASE WHEN {conditions} THEN {_BITS[name]} ELSE 0 END"


def _freed() -> Iterator[str]:
    """For each mode that reads others, when it has waited for them and they have ended."""
    for name, mode in MODES.items():
        if mode.inputs:
            bit, inputs = _BITS[name], sum(_BITS[one] for one in mode.inputs)
            yield f"CASE WHEN held & {bit} <> 0 AND unended & {inputs} = 0 THEN {bit} ELSE 0 END"


def _moments() -> Iterator[str]:
    """When the results that others read were made, and when those that read were checked."""
    read = sorted({one for mode in MODES.values() for one in mode.inputs})
    for name in read:
        yield f"max(created) FILTER (mode = '{name}') AS made_{name}"
    for name, mode in MODES.items():
        if mode.inputs or mode.prompt or mode.tags:
            yield f"max(checked) FILTER (mode = '{name}') AS checked_{name}"


_OPEN = f"""
    WITH given AS MATERIALIZED (SELECT * FROM {ROWS}),
    asked AS (SELECT profile, bit_or(bit) AS bits FROM given WHERE asked GROUP BY profile),
    recipes AS (SELECT DISTINCT mode, bit, task, recipe FROM given),
    readable AS (
        SELECT media.media, coalesce(output.sha256, media.media) AS sha256 FROM media
        LEFT JOIN output ON output.media = media.media AND output.current
            AND media.cleaning <> 'not_required'
        WHERE cleaning = 'not_required' OR verification = 'verified' AND output.media IS NOT NULL
    ),
    wanted AS (
        SELECT media, min(intake) AS intake, bit_or(coalesce(bits, 0)) AS bits FROM arrival
        JOIN intake USING (intake) LEFT JOIN asked USING (profile)
        WHERE state IN ('imported', 'duplicate') GROUP BY media
    ),
    tasks AS (
        SELECT media, bit_or(bit) AS known,
            bit_or(CASE WHEN work.state IN ('queued', 'running')
                OR work.state = 'blocked' AND reason <> 'INPUTS_OPEN'
                OR work.state = 'waiting' AND not_before <= ? THEN bit ELSE 0 END) AS due,
            bit_or(CASE WHEN reason <> 'INPUTS_OPEN' AND work.state = 'blocked'
                THEN bit ELSE 0 END) AS blocked,
            bit_or(CASE WHEN reason = 'INPUTS_OPEN' AND work.state = 'blocked'
                THEN bit ELSE 0 END) AS held,
            bit_or(CASE WHEN work.state IN ('queued', 'running', 'blocked', 'waiting')
                THEN bit ELSE 0 END) AS unended,
            bit_or(CASE WHEN work.state IN ('done', 'degraded', 'abstained')
                THEN bit ELSE 0 END) AS ended
        FROM work JOIN recipes USING (task) GROUP BY media
    ),
    results AS (
        SELECT media, bit_or(bit) AS had,
            bit_or(CASE WHEN enrichment.recipe <> recipes.recipe THEN bit ELSE 0 END) AS old,
            min(output) FILTER (mode IN ({_list(_PICTURES)})) AS first_output,
            max(output) FILTER (mode IN ({_list(_PICTURES)})) AS last_output,
            bit_or(bit) FILTER (mode IN ({_list(_PICTURES)})) AS shown,
            {", ".join(_moments())}
        FROM enrichment JOIN recipes USING (mode) WHERE current GROUP BY media
    ),
    prompts AS (SELECT media, max(updated) AS prompted FROM prompt
        WHERE origin <> 'model' GROUP BY media),
    tags AS (SELECT media, max(updated) AS tagged FROM tag
        WHERE source IN ('file', 'human') GROUP BY media),
    edits AS (SELECT media, max(updated) AS edited FROM field
        WHERE source = 'human' OR locked GROUP BY media),
    pairs AS (
        SELECT media, max(found) AS paired FROM (
            SELECT media, found FROM near_pair UNION ALL SELECT other, found FROM near_pair
        ) GROUP BY media
    ),
    found AS (
        SELECT intake, coalesce(had, 0) AS had, coalesce(blocked, 0) AS blocked,
            coalesce(due, 0) | (bits & ~coalesce(known, 0))
            | {" | ".join(_freed())}
            | (coalesce(ended, 0) & (coalesce(old, 0)
                | CASE WHEN first_output <> sha256 OR last_output <> sha256 THEN shown ELSE 0 END
                | {" | ".join(_stale())})) AS open
        FROM wanted JOIN readable USING (media)
        LEFT JOIN tasks USING (media) LEFT JOIN results USING (media)
        LEFT JOIN prompts USING (media) LEFT JOIN tags USING (media)
        LEFT JOIN edits USING (media) LEFT JOIN pairs USING (media)
    )
    SELECT intake, bit_or(open), bit_or(open & ~blocked), count(*) FILTER (open & had <> 0)
    FROM found
    WHERE open <> 0 GROUP BY intake ORDER BY intake
"""  # noqa: S608


def open_enrichments(
    connection: Connection,
    asked_for: Mapping[str, Sequence[str]],
    recipes: Mapping[str, str],
    now: datetime,
) -> list[Waiting]:
    """What waits; `asked_for` gives the modes of each profile, `recipes` each mode's recipe."""
    rows = [
        {"profile": profile, "mode": name, "bit": _BITS[name], "asked": name in modes}
        for profile, modes in (asked_for or {"": ()}).items()
        for name in MODES
    ]
    more = [
        {**row, "task": MODES[str(row["mode"])].task, "recipe": recipes[str(row["mode"])]}
        for row in rows
    ]
    found = connection.execute(_OPEN, [*given(_GIVEN, more), now]).fetchall()
    return [
        Waiting(IntakeKey(row[0]), _named(int(row[1])), _named(int(row[2])), int(row[3]))
        for row in found
    ]


_GIVEN = {
    "profile": "VARCHAR",
    "mode": "VARCHAR",
    "bit": "BIGINT",
    "asked": "BOOLEAN",
    "task": "VARCHAR",
    "recipe": "VARCHAR",
}


def _named(bits: int) -> tuple[str, ...]:
    return tuple(name for name, bit in _BITS.items() if bits & bit)
