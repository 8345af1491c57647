"""All that the queue page and the detailed status tell, read from one copy at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gallery.queue.model import Model, models
from gallery.queue.stages import Failure, Stage, stages
from gallery.queue.troubles import Trouble, troubles
from gallery.queue.unbegun import Unbegun
from supervisor_core.store import pauses, requests
from supervisor_core.store.database import Connection
from supervisor_core.store.pauses import Pause
from supervisor_core.store.requests import Request

REQUESTS = 50
_OPEN = "SELECT state, count(*) FROM request WHERE state IN ('queued', 'running') GROUP BY 1"


@dataclass(frozen=True)
class Figures:
    """The queue at one moment; `open` counts requests that are not at their end by state."""

    now: datetime
    stages: Sequence[Stage]
    models: Sequence[Model]
    pauses: Mapping[str, Pause]
    troubles: Sequence[Trouble]
    requests: Sequence[Request]
    open: Mapping[str, int]

    @property
    def failures(self) -> list[tuple[Stage, Failure]]:
        """What failed, most first."""
        found = [(stage, one) for stage in self.stages for one in stage.failures]
        return sorted(found, key=lambda pair: -pair[1].count)

    @property
    def light(self) -> dict[str, int]:
        """The sums."""
        sums = ("waiting", "blocked", "running", "failed")
        return {name: sum(getattr(one, name) for one in self.stages) for name in sums} | {
            "requests": sum(self.open.values())
        }


def figures(
    connection: Connection, now: datetime, fresh: Mapping[str, Unbegun] | None = None
) -> Figures:
    """Reads everything; `fresh` says of each task what waits and no row tells of."""
    return Figures(
        now=now,
        stages=stages(connection, now, fresh or {}),
        models=models(connection, now),
        pauses=pauses.load(connection),
        troubles=troubles(connection),
        requests=requests.open_requests(connection, REQUESTS),
        open=dict(connection.execute(_OPEN).fetchall()),
    )
