"""Work on readable files that profiles ask for and nobody has begun: no row tells of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from supervisor_core.analysis.wanted import analysis_tasks
from supervisor_core.enrichment.modes import MODES, in_order
from supervisor_core.media.policy import load_profile, profile_names
from supervisor_core.reasons import Failed
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, given

_SHAPE = {"profile": "VARCHAR", "bit": "BIGINT"}
# Each media once, with a bit for every profile that it came in under; then what is begun of it.
_COUNTS = f"""
    WITH readable AS MATERIALIZED (
        SELECT media, bit_or(bit) AS bits FROM arrival JOIN intake USING (intake)
        JOIN {ROWS} AS asked USING (profile) SEMI JOIN (
            SELECT media FROM media WHERE cleaning = 'not_required'
                OR cleaning IN ('frame_level', 'roi_mask') AND verification = 'verified'
        ) USING (media)
        WHERE arrival.state IN ('imported', 'duplicate') GROUP BY media
    )
    SELECT '' AS task, bits, count(*) FROM readable GROUP BY bits
    UNION ALL SELECT task, bits, count(*) FROM work JOIN readable USING (media) GROUP BY ALL
"""  # noqa: S608


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


def unbegun(connection: Connection, asked: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many media wait for each task of which nothing is written yet."""
    if not asked:
        return {}
    bits = {profile: 1 << number for number, profile in enumerate(asked)}
    rows = [{"profile": profile, "bit": bit} for profile, bit in bits.items()]
    counted = connection.execute(_COUNTS, given(_SHAPE, rows)).fetchall()
    tasks = {task for wanted in asked.values() for task in wanted}
    found = {}
    for task in tasks:
        mask = sum(bits[profile] for profile, wanted in asked.items() if task in wanted)
        wanted = sum(n for name, has, n in counted if not name and has & mask)
        begun = sum(n for name, has, n in counted if name == task and has & mask)
        found[task] = max(0, wanted - begun)
    return found
