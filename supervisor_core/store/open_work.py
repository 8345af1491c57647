"""The intakes that still have work left, and why: what the reconcile sensor looks at."""

from datetime import UTC, datetime

from supervisor_core.keys import IntakeKey
from supervisor_core.repair import Cause, OpenIntake
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store.attempts import UNDRAWN
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch

_OPEN = f"""
    SELECT intake, max(arrival.updated) AS since, 'unfinished' AS cause FROM arrival
    WHERE state = 'seen' GROUP BY intake
    UNION ALL
    SELECT intake, max(media.updated), 'unfinished' FROM arrival JOIN media USING (media)
    WHERE state IN ('imported', 'duplicate') AND (
        cleaning IN ('{Cleaning.WAITING}', '{Cleaning.RUNNING}')
        OR cleaning IN ('{Cleaning.FRAME_LEVEL}', '{Cleaning.ROI_MASK}')
           AND verification <> '{Verification.VERIFIED}')
    GROUP BY intake
    UNION ALL
    SELECT intake, max(media.updated), 'unfinished' FROM arrival JOIN media USING (media)
        JOIN ({UNDRAWN}) AS undrawn USING (media)
    WHERE state IN ('imported', 'duplicate')
        AND cleaning IN ('{Cleaning.FRAME_LEVEL}', '{Cleaning.ROI_MASK}')
        AND verification = '{Verification.VERIFIED}'
    GROUP BY intake
    UNION ALL
    SELECT intake, max(media.updated), 'cause_passed' FROM arrival JOIN media USING (media)
    WHERE state IN ('imported', 'duplicate') AND cleaning = '{Cleaning.RAW_ASIDE}'
        AND not_before <= $1
    GROUP BY intake
    UNION ALL
    SELECT intake, max(media.updated), 'old_code' FROM arrival JOIN media USING (media)
    WHERE state IN ('imported', 'duplicate') AND cleaning = '{Cleaning.RAW_ASIDE}'
        AND NOT ends_with(tried, $2)
    GROUP BY intake
    UNION ALL
    SELECT intake, max(media.updated), 'old_code' FROM arrival JOIN media USING (media)
        JOIN output USING (media)
    WHERE state IN ('imported', 'duplicate') AND output.current
        AND cleaning IN ('{Cleaning.FRAME_LEVEL}', '{Cleaning.ROI_MASK}')
        AND $3 <> '' AND output.code_version <> $3
    GROUP BY intake
"""  # noqa: S608


def open_intakes(connection: Connection, now_s: float, code_version: str = "") -> list[OpenIntake]:
    """The intakes with work left, each with its causes; `now_s` is the wall clock's.

    CAUSE_PASSED: a raw item whose reason was transient may be tried again by now. OLD_CODE: an item
    that only another version of the cleaning has tried (when this one is given).
    """
    now = datetime.fromtimestamp(now_s, UTC)
    rows = fetch(connection, _OPEN, [now, version_mark(code_version), code_version])
    return [
        OpenIntake(
            IntakeKey(str(row["intake"])),
            Cause(str(row["cause"])),
            row["since"].timestamp(),  # type: ignore[attr-defined]
        )
        for row in rows
    ]


def version_mark(code_version: str) -> str:
    """How `tried` ends for a code version."""
    return f" {code_version}" if code_version else ""
