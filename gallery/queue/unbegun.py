"""Work on readable files that profiles ask for and nobody has begun: no row tells of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from supervisor_core.analysis.wanted import analysis_tasks
from supervisor_core.enrichment.modes import MODES, in_order
from supervisor_core.media.policy import load_profile, profile_names
from supervisor_core.reasons import Failed
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, given

_PROFILES = {"profile": "VARCHAR", "bit": "BIGINT"}
_TASKS = {"task": "VARCHAR", "bit": "BIGINT"}
# Each media once: a bit for every profile that it came in under, and one for every task begun.
_COUNTS = f"""
    WITH readable AS MATERIALIZED (
        SELECT media, bit_or(bit) AS bits, min(arrival.first_seen) AS seen
        FROM arrival JOIN intake USING (intake) JOIN {ROWS} AS asked USING (profile) SEMI JOIN (
            SELECT media FROM media WHERE cleaning = 'not_required'
                OR cleaning IN ('frame_level', 'roi_mask') AND verification = 'verified'
        ) USING (media)
        WHERE arrival.state IN ('imported', 'duplicate') GROUP BY media
    ), begun AS (
        SELECT media, bit_or(bit) AS begun FROM work JOIN {ROWS} AS task USING (task) GROUP BY media
    )
    SELECT bits, coalesce(begun, 0), count(*), min(coalesce(verified_at, seen)) FROM readable
    LEFT JOIN begun USING (media)
    LEFT JOIN (SELECT media, verified_at FROM output WHERE current) USING (media)
    GROUP BY ALL
"""  # noqa: S608


@dataclass(frozen=True)
class Unbegun:
    """How many media wait for a task, and since when the first of them could have been begun."""

    count: int
    since: datetime


def asked_for(folder: Path) -> dict[str, tuple[str, ...]]:
    """The tasks that each profile of media asks for; what can't be read is left out."""
    analyses = analysis_tasks(folder)
    found = {name: [task] for name, task in analyses.items()}
    for name in profile_names(folder):
        try:
            modes = in_order(load_profile(name, folder).enrich)
        except Failed:
            continue
        found.setdefault(name, []).extend(MODES[mode].task for mode in modes)
    return {name: tuple(tasks) for name, tasks in found.items() if tasks}


def unbegun(connection: Connection, asked: Mapping[str, Sequence[str]]) -> dict[str, Unbegun]:
    """What waits for each task of which nothing is written yet; tasks without it are left out."""
    if not asked:
        return {}
    tasks = sorted({task for wanted in asked.values() for task in wanted})
    names, bits = _bits("profile", list(asked)), _bits("task", tasks)
    sets = [given(_PROFILES, names), given(_TASKS, bits)]
    counted = connection.execute(_COUNTS, [one for some in sets for one in some]).fetchall()
    found = {}
    for task, bit in ((row["task"], row["bit"]) for row in bits):
        mask = sum(row["bit"] for row in names if task in asked[row["profile"]])
        waits = [(n, since) for came, begun, n, since in counted if came & mask and not begun & bit]
        if waits:
            found[task] = Unbegun(sum(n for n, _ in waits), min(since for _, since in waits))
    return found


def _bits(name: str, values: Sequence[str]) -> list[dict[str, Any]]:
    return [{name: value, "bit": 1 << number} for number, value in enumerate(values)]
