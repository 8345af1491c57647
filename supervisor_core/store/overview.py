"""How everything stands, counted in the store itself: cheap for thousands of intakes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.keys import IntakeKey
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch

_ITEM = f"""
    item AS (
        SELECT arrival.intake, arrival.state, cleaning, verification,
            coalesce(arrival.reason, media.reason) AS reason,
            cleaning = '{Cleaning.NOT_REQUIRED}'
                OR verification = '{Verification.VERIFIED}' AS may_be_read
        FROM arrival LEFT JOIN media USING (media)
    )
"""  # noqa: S608
_LATEST = f"""
    WITH {_ITEM},
    latest AS (SELECT * FROM intake ORDER BY first_seen DESC, intake LIMIT ?)
    SELECT latest.intake, latest.first_seen, latest.profile, latest.kind,
        count(*) AS files,
        count(*) FILTER (may_be_read AND item.state <> 'refused') AS verified,
        count(*) FILTER (item.state = 'refused') AS refused,
        count(*) FILTER (cleaning = '{Cleaning.RAW_ASIDE}') AS aside,
        count(*) FILTER (cleaning = '{Cleaning.ROI_MASK}') AS by_region
    FROM latest JOIN item USING (intake)
    GROUP BY ALL ORDER BY latest.first_seen DESC, latest.intake
"""  # noqa: S608


@dataclass(frozen=True)
class IntakeLine:
    """One intake in numbers of files; what is neither verified, refused nor aside is under way."""

    intake: IntakeKey
    first_seen: datetime
    profile: str
    kind: str
    files: int
    verified: int
    refused: int
    aside: int
    by_region: int

    @property
    def under_way(self) -> int:
        """Files that are not at an end yet."""
        return self.files - self.verified - self.refused - self.aside


@dataclass(frozen=True)
class Overview:
    """Counts of intakes, of arrivals by state, of media by level and by reason; newest intakes."""

    intakes: int
    arrivals: Mapping[str, int]
    levels: Mapping[str, int]
    reasons: Mapping[str, int]
    latest: tuple[IntakeLine, ...]


def overview(connection: Connection, limit: int) -> Overview:
    """How everything stands, with the `limit` newest intakes."""
    return Overview(
        intakes=sum(_counts(connection, "SELECT 'all', count(*) FROM intake").values()),
        arrivals=_counts(connection, "SELECT state, count(*) FROM arrival GROUP BY 1 ORDER BY 1"),
        levels=_counts(connection, "SELECT cleaning, count(*) FROM media GROUP BY 1 ORDER BY 1"),
        reasons=_counts(
            connection,
            f"WITH {_ITEM} SELECT reason, count(*) FROM item"  # noqa: S608
            " WHERE reason IS NOT NULL GROUP BY 1 ORDER BY 1",
        ),
        latest=tuple(
            IntakeLine(**row)  # type: ignore[arg-type]
            for row in fetch(connection, _LATEST, [limit])
        ),
    )


def _counts(connection: Connection, sql: str) -> dict[str, int]:
    return {str(name): int(count) for name, count in connection.execute(sql).fetchall()}
