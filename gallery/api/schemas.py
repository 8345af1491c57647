"""The shapes of what the API takes and gives, as JSON Schema 2020-12."""

from typing import Any

from gallery.listing.badges import Badge
from gallery.listing.filters import FACETS, ORDERS
from supervisor_core.enrichment.modes import MODES
from supervisor_core.keys import Retried
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store.pauses import PAUSABLE
from supervisor_core.store.requests import State, Verb

Schema = dict[str, Any]


def shape(required: dict[str, Schema], **optional: Schema) -> Schema:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def many(items: Schema, **limits: int) -> Schema:
    """A list."""
    return {"type": "array", "items": items, **limits}


def maybe(schema: Schema) -> Schema:
    """This or null."""
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
DAY: Schema = {
    "type": "string",
    "format": "date",
    "pattern": "^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$|^(19|20)[0-9]{2}-"
    "(0[13-9]|1[0-2])-(29|30)$|^(19|20)[0-9]{2}-(0[13578]|1[02])-31$",
}
"""A day; 29 February is left out, since no pattern knows leap years."""
JOB: Schema = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
KEY: Schema = {
    "type": "string",
    "pattern": "^([0-9a-f]{16,64}|[0-9]{8}_[A-Z2-7]{10})$",
    "description": "A media (16 hex or more of its SHA-256) or an intake.",
}
ITEM: Schema = {
    "type": "string",
    "pattern": "^([0-9a-f]{16}|[0-9]{8}_[A-Z2-7]{10}-[0-9]{3,6})$",
    "description": "The id of an item, as the list has it.",
}
MODE: Schema = {"enum": list(MODES)}
MODE_OR_ALL: Schema = {"enum": ["all", *MODES]}
_COUNTS: Schema = {"type": "object", "additionalProperties": COUNT}

ERROR = shape(
    {
        "error": shape(
            {
                "status": {"type": "integer"},
                "reason": TEXT,
                "sentence": TEXT,
                "next_step": TEXT,
                "facts": {"type": "object"},
            }
        )
    }
)
_FAILURE = shape({"reason": maybe(TEXT), "count": COUNT, "retry": maybe({"enum": list(Retried)})})
_RATE = shape({"per_hour": NUMBER, "ends": COUNT, "window_s": NUMBER})
_STAGE = shape(
    {
        "stage": TEXT,
        "level": TEXT,
        "waiting": COUNT,
        "blocked": COUNT,
        "running": COUNT,
        "failed": COUNT,
        "oldest_s": maybe(NUMBER),
        "rate": maybe(_RATE),
        "seconds_left": maybe(many(NUMBER, minItems=2, maxItems=2)),
        "paused": FLAG,
        "failures": many(_FAILURE),
    }
)
_TROUBLE = shape(
    {
        "happened": MOMENT,
        "place": TEXT,
        "level": TEXT,
        "reason": maybe(TEXT),
        "media": TEXT,
        "intake": TEXT,
    }
)
STATUS = shape(
    {
        "counts": maybe(
            shape(dict.fromkeys(("waiting", "blocked", "running", "failed", "requests"), COUNT))
        ),
        "counted": maybe(MOMENT),
        "models": many(shape({"name": TEXT, "state": TEXT})),
        "paused": many({"enum": list(PAUSABLE)}),
        "reason": maybe(TEXT),
        "copy_age_s": maybe(NUMBER),
        "publishing": FLAG,
        "version": TEXT,
    },
    stages=many(_STAGE),
    errors=many(_TROUBLE),
)
FILTERS = shape(
    {},
    limit={"type": "integer", "minimum": 1, "maximum": 1_000_000},
    since=DAY,
    all={"type": "boolean", "description": "Also what has a result."},
    missing={"type": "boolean", "description": "Only what has none; so it is without `all`."},
    media=many(KEY, maxItems=1000),
    force={"type": "boolean", "description": "Made again though it rests on the same."},
)
ENQUEUE = shape({"modes": many(MODE_OR_ALL, minItems=1, maxItems=20)}, filters=FILTERS)
ASKED = shape({"requests": many(JOB), "count": COUNT, "items": _COUNTS})
TASK = shape(
    {
        "media": TEXT,
        "task": TEXT,
        "state": {"enum": list(Work)},
        "reason": maybe(TEXT),
        "attempts": COUNT,
        "not_before": maybe(MOMENT),
        "updated": MOMENT,
    }
)
REQUEST = shape(
    {
        "id": JOB,
        "verb": {"enum": list(Verb)},
        "subject": TEXT,
        "state": {"enum": list(State)},
        "reason": maybe(TEXT),
        "who": TEXT,
        "created": MOMENT,
        "updated": MOMENT,
        "tasks": many(TASK),
    }
)
TASKS = shape({"tasks": many(TASK)})
CANCEL: Schema = {
    "oneOf": [
        shape({"job": JOB}),
        shape(
            {"media": many(KEY, minItems=1, maxItems=1000), "modes": many(MODE_OR_ALL, minItems=1)}
        ),
    ]
}
CANCELLED = shape({"requests": COUNT, "cancelled": COUNT})
DELETE = shape(
    {
        "media": many(KEY, minItems=1, maxItems=1000),
        "modes": many(MODE_OR_ALL, minItems=1, maxItems=20),
    },
    force=FLAG,
)
DELETED = shape({"removed": COUNT})
RUN = shape({"limit": {"type": "integer", "minimum": 1, "maximum": 1000}})
RETRY = shape(
    {"asset": {"enum": list(Retried)}},
    reason={"enum": sorted(Reason)},
)
RETRIED = shape({"retried": COUNT})
PAUSE = shape({"task": {"enum": list(PAUSABLE)}})
PAUSED = shape({"changed": FLAG, "paused": many({"enum": list(PAUSABLE)})})
_WHOLE: Schema = {"type": "integer"}
ROW = shape(
    {
        "id": TEXT,
        "media": maybe(TEXT),
        "intake": TEXT,
        "source": TEXT,
        "profile": TEXT,
        "first_seen": MOMENT,
        "kind": TEXT,
        "state": {"enum": list(Badge)},
        "level": maybe(TEXT),
        "checked": TEXT,
        "reason": maybe(TEXT),
        "file": maybe(TEXT),
        "width": maybe(_WHOLE),
        "height": maybe(_WHOLE),
        "seconds": maybe(NUMBER),
        "size_bytes": COUNT,
        "looks": COUNT,
        "stars": maybe(_WHOLE),
        "title": maybe(TEXT),
        "caption": maybe(TEXT),
        "tags": many(TEXT),
        "collections": many(TEXT),
    }
)
LIST = shape({"total": COUNT, "page": COUNT, "pages": COUNT, "items": many(ROW)})
ONE = shape({"item": ROW, "tasks": many(TASK)})
LIST_QUERY: dict[str, Schema] = {
    **{facet.name: many(TEXT) for facet in FACETS},
    "q": TEXT,
    "since": TEXT,
    "until": TEXT,
    "sort": {"enum": list(ORDERS)},
    "page": {"type": "integer", "minimum": 1, "maximum": 100_000},
}
"""As the address of the list has it; what an address says wrongly is left out."""
