"""What models have said of media, each result bound to everything that it rests on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch, fetch_about, given, insert, keys, reason_of

_ANALYSIS = {
    "key": "VARCHAR",
    "media": "VARCHAR",
    "output": "VARCHAR",
    "profile": "VARCHAR",
    "prompt_hash": "VARCHAR",
    "model": "VARCHAR",
    "model_digest": "VARCHAR",
    "kind": "VARCHAR",
    "kind_source": "VARCHAR",
    "state": "VARCHAR",
    "result": "VARCHAR",
    "frames": "VARCHAR",
    "prompt_tokens": "BIGINT",
    "answer_tokens": "BIGINT",
    "model_seconds": "DOUBLE",
    "seconds": "DOUBLE",
    "attempt": "VARCHAR",
    "created": "TIMESTAMPTZ",
    "current": "BOOLEAN",
}
_QUESTION = {
    "id": "VARCHAR",
    "attempt": "VARCHAR",
    "media": "VARCHAR",
    "task": "VARCHAR",
    "asked": "TIMESTAMPTZ",
    "seconds": "DOUBLE",
    "reason": "VARCHAR",
    "prompt_tokens": "BIGINT",
    "answer_tokens": "BIGINT",
    "load_s": "DOUBLE",
    "model": "VARCHAR",
}


@dataclass(frozen=True)
class Analysis:
    """One result; `result` and `frames` are JSON, `output` the hash of the file it was made from.

    In the result every score stands with the frames it rests on, or is null with a reason.
    """

    key: str
    media: MediaKey
    output: str
    profile: str
    prompt_hash: str
    model: str
    model_digest: str
    kind: str | None
    kind_source: str
    state: Work
    result: str
    frames: str
    prompt_tokens: int
    answer_tokens: int
    model_seconds: float
    seconds: float
    attempt: str
    created: datetime
    current: bool = True


@dataclass(frozen=True)
class Question:
    """One question that was sent; `reason` says why no whole answer came."""

    id: str
    attempt: str
    media: MediaKey
    task: str
    asked: datetime
    seconds: float
    reason: Reason | None = None
    prompt_tokens: int = 0
    answer_tokens: int = 0
    load_s: float = 0.0
    model: str | None = None


def save(connection: Connection, analysis: Analysis) -> None:
    """Writes a result, which becomes the current one of its media and profile."""
    connection.execute(
        "UPDATE analysis SET current = false WHERE current AND media = ? AND profile = ?",
        [analysis.media, analysis.profile],
    )
    insert(connection, "analysis", _ANALYSIS, [vars(analysis)])


def ask(connection: Connection, questions: Sequence[Question]) -> None:
    """Enters questions that were sent."""
    insert(connection, "question", _QUESTION, [vars(one) for one in questions])


def current(connection: Connection, profile: str, media: Iterable[str]) -> dict[MediaKey, Analysis]:
    """The current result of each of these media under a profile."""
    rows = fetch_about(connection, "analysis", media, "AND current AND profile = ?", [profile])
    found = map(_analysis, rows)
    return {one.media: one for one in found}


def of_intake(connection: Connection, intake: str) -> list[Analysis]:
    """All current results of an intake's media."""
    sql = (
        "SELECT DISTINCT analysis.* FROM analysis JOIN arrival USING (media)"
        " WHERE analysis.current AND arrival.intake = ? ORDER BY analysis.media, analysis.profile"
    )
    return list(map(_analysis, fetch(connection, sql, [intake])))


# Which analysis is wanted of which media, as all profiles it came in under say ($1, $2:
# `given_tasks`), and the first intake that wants it. `raw` has no output: it needs no cleaning.
_PAIRS = f"""
    SELECT arrival.intake, arrival.media, given.task FROM arrival
    JOIN intake USING (intake) JOIN {ROWS} AS given USING (profile)
    WHERE arrival.state IN ('imported', 'duplicate')
""".replace("?, ?", "$1, $2", 1)  # noqa: S608
_READABLE = """
    SELECT media, cleaning = 'not_required' AS raw FROM media
    WHERE verification = 'verified' OR cleaning = 'not_required'
"""
WANTED = f"""
    WITH first AS (
        SELECT media, min(intake) AS intake FROM arrival
        WHERE state IN ('imported', 'duplicate') GROUP BY media
    ), wanted AS (
        SELECT min(intake) AS intake, media, task, any_value(raw) AS raw
        FROM ({_PAIRS}) JOIN ({_READABLE}) USING (media) GROUP BY media, task
    )
"""  # noqa: S608
# In a large library next to nothing is open: what has ended is put aside first, with few joins.
_DUE = """
    (state IN ('queued', 'blocked', 'running') OR state = 'waiting' AND not_before <= $3)
"""
_OPEN = f"""
    WITH others AS (
        SELECT media, profile, output FROM analysis ANTI JOIN (
            SELECT sha256 AS output FROM output WHERE current
        ) USING (output) WHERE current
        UNION ALL
        SELECT media, profile, output FROM analysis SEMI JOIN (
            SELECT media FROM media WHERE cleaning = 'not_required'
        ) USING (media) WHERE current
    ), outdated AS (
        SELECT others.media, 'analysis/' || others.profile AS task FROM others
        JOIN ({_READABLE}) AS readable ON readable.media = others.media
        LEFT JOIN output ON output.media = others.media AND output.current
        WHERE others.output <> CASE WHEN raw THEN others.media ELSE output.sha256 END
    ), settled AS (
        SELECT media, task FROM work ANTI JOIN outdated USING (media, task) WHERE NOT {_DUE}
        UNION ALL
        SELECT media, task FROM work SEMI JOIN outdated USING (media, task)
        WHERE NOT {_DUE} AND state NOT IN ('done', 'degraded', 'abstained')
    )
    SELECT min(intake) AS intake, any_value(state) AS state, any_value(reason) AS reason,
        any_value(lease_owner) AS lease_owner, any_value(lease_until) AS lease_until
    FROM ({_PAIRS}) AS pairs ANTI JOIN settled USING (media, task)
    JOIN ({_READABLE}) USING (media) LEFT JOIN work USING (media, task)
    GROUP BY media, task
"""  # noqa: S608


@dataclass(frozen=True)
class Open:
    """A media of an intake whose task is not at its end; no state where there is no task yet."""

    intake: IntakeKey
    state: Work | None
    reason: Reason | None
    owner: str | None
    until: datetime | None


def open_tasks(connection: Connection, tasks: Mapping[str, str], now: datetime) -> list[Open]:
    """What waits for its analysis; `tasks` gives the task for each profile of media."""
    rows = fetch(connection, _OPEN, [*given_tasks(tasks), now])
    return [
        Open(
            IntakeKey(str(row["intake"])),
            Work(str(row["state"])) if row["state"] else None,
            reason_of(row["reason"]),
            str(row["lease_owner"]) if row["lease_owner"] else None,
            row["lease_until"],  # type: ignore[arg-type]
        )
        for row in rows
    ]


def given_tasks(tasks: Mapping[str, str]) -> list[str]:
    """The parameters of `WANTED`: the task for each profile of media."""
    pairs = [{"profile": profile, "task": task} for profile, task in tasks.items()]
    return given({"profile": "VARCHAR", "task": "VARCHAR"}, pairs)


def forget(connection: Connection, media: Iterable[str]) -> None:
    """Removes what models have said of these media, whichever file of them they were shown."""
    connection.execute(
        f"DELETE FROM analysis WHERE media IN (SELECT media FROM {ROWS})",  # noqa: S608
        keys("media", media),
    )


def _analysis(row: dict[str, object]) -> Analysis:
    return Analysis(**row | {"state": Work(str(row["state"]))})  # type: ignore[arg-type]
