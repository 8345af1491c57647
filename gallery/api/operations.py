"""The operations of the API: who may do what, what it takes and gives. One table for all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gallery.access.roles import Role
from gallery.api import asking, reading, schemas
from gallery.api.call import Call
from gallery.api.schemas import Schema

Do = Callable[[Call], Mapping[str, Any]]


@dataclass(frozen=True)
class Operation:
    """One operation: the shapes of what it takes (`body`, `query`, `places`) and gives."""

    name: str
    method: str
    path: str
    role: Role
    says: str
    do: Do
    answer: Schema
    status: int = 200
    body: Schema | None = None
    query: Mapping[str, Schema] = field(default_factory=dict)
    places: Mapping[str, Schema] = field(default_factory=dict)


OPERATIONS = (
    Operation(
        "status",
        "GET",
        "/api/status",
        Role.VIEWER,
        "The last sums, from memory and at once; with `details=1` every stage, from the copy.",
        reading.status,
        schemas.STATUS,
        query={"details": {"enum": ["0", "1"]}},
    ),
    Operation(
        "listItems",
        "GET",
        "/api/items",
        Role.VIEWER,
        "A page of the list, narrowed by the same words as the address of the page.",
        reading.items,
        schemas.LIST,
        query=schemas.LIST_QUERY,
    ),
    Operation(
        "getItem",
        "GET",
        "/api/items/{item}",
        Role.VIEWER,
        "One item and the tasks of its media.",
        reading.item,
        schemas.ONE,
        places={"item": schemas.ITEM},
    ),
    Operation(
        "enqueue",
        "POST",
        "/api/enqueue",
        Role.REVIEWER,
        "Asks for enrichments: by default of what has no result yet.",
        asking.enqueue,
        schemas.ASKED,
        202,
        body=schemas.ENQUEUE,
    ),
    Operation(
        "getJob",
        "GET",
        "/api/jobs/{job}",
        Role.VIEWER,
        "How far a request is, and the tasks that it asked for.",
        reading.job,
        schemas.REQUEST,
        places={"job": schemas.JOB},
    ),
    Operation(
        "getTasks",
        "GET",
        "/api/jobs",
        Role.VIEWER,
        "How the tasks of a media or an intake stand, in one mode or all.",
        reading.tasks,
        schemas.TASKS,
        query={"media": schemas.KEY | {"x-required": True}, "mode": schemas.MODE_OR_ALL},
    ),
    Operation(
        "cancel",
        "POST",
        "/api/cancel",
        Role.REVIEWER,
        "Takes a request back, or ends what is open of media in modes.",
        asking.cancel,
        schemas.CANCELLED,
        body=schemas.CANCEL,
    ),
    Operation(
        "delete",
        "POST",
        "/api/delete",
        Role.ADMIN,
        "Removes the results of media in modes; what a run has in hand only by `force`.",
        asking.delete,
        schemas.DELETED,
        body=schemas.DELETE,
    ),
    Operation(
        "runOnce",
        "POST",
        "/api/run",
        Role.REVIEWER,
        "Asks now for enrichments that wait; their runs are started by the daemon.",
        asking.run_once,
        schemas.ASKED,
        202,
        body=schemas.RUN,
    ),
    Operation(
        "retry",
        "POST",
        "/api/retry",
        Role.REVIEWER,
        "Tries again what ended without success, for one reason or any.",
        asking.retry,
        schemas.RETRIED,
        body=schemas.RETRY,
    ),
    Operation(
        "pause",
        "POST",
        "/api/pause",
        Role.ADMIN,
        "Has nobody begin some of the models' work until it is resumed.",
        asking.pause,
        schemas.PAUSED,
        body=schemas.PAUSE,
    ),
    Operation(
        "resume",
        "POST",
        "/api/resume",
        Role.ADMIN,
        "Lets the models' work go on.",
        asking.resume,
        schemas.PAUSED,
        body=schemas.PAUSE,
    ),
)
