"""Answers calls: looks over what came by the shapes of the table, and does what it says."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gallery.access.roles import page
from gallery.api.call import Call
from gallery.api.openapi import description
from gallery.api.operations import OPERATIONS, Operation
from gallery.errors import Refusal
from supervisor_core.reasons import Reason

_ALONE = {"Cache-Control": "no-store"}


def routes() -> tuple[Route, ...]:
    """An address for every operation, and one for their description."""
    role = min(one.role for one in OPERATIONS)
    return (
        page("/api/openapi.json", describe, role=role),
        *(
            page(one.path, _answering(one), methods=(one.method,), role=one.role)
            for one in OPERATIONS
        ),
    )


def describe(_: Request) -> Response:
    """The description of all operations."""
    return JSONResponse(description(), headers=_ALONE)


def _answering(operation: Operation) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        told = operation.do(_call(operation, request))
        return JSONResponse(told, operation.status, headers=_ALONE)

    return answer


def _call(operation: Operation, request: Request) -> Call:
    pairs = request.query_params.multi_items()
    places = {name: str(value) for name, value in request.path_params.items()}
    for name, schema in operation.places.items():
        if not _fits(schema, places[name]):
            raise Refusal(404)
    return Call(
        house=request.app.state.house,
        person=request.state.person,
        body=_body(operation, request),
        query=_query(operation, pairs),
        pairs=pairs,
        places=places,
    )


def _query(operation: Operation, pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The words of the address; one that the table does not know may be a slip, and is refused."""
    if any(name not in operation.query for name, _ in pairs):
        raise Refusal(400, Reason.BAD_REQUEST, {"field": "query"})
    found = dict(pairs)
    for name, schema in operation.query.items():
        values = [value for given, value in pairs if given == name]
        required = schema.get("x-required", False)
        if (required and not values) or not all(_read(schema, one) for one in values):
            raise Refusal(400, Reason.BAD_REQUEST, {"field": name})
        if len(values) > 1 and schema.get("type") != "array":
            raise Refusal(400, Reason.BAD_REQUEST, {"field": name})
    return found


def _read(schema: Mapping[str, Any], text: str) -> bool:
    """True when a text of an address stands for a value of the shape."""
    if "\0" in text:
        return False
    if schema.get("type") == "array":
        return _read(schema["items"], text)
    if schema.get("type") == "integer":
        plain = text.isascii() and text.isdecimal() and len(text) < 10
        return plain and _fits(schema, int(text))
    return _fits(schema, text)


def _body(operation: Operation, request: Request) -> Any:
    if operation.body is None:
        return None
    try:
        body = json.loads(request.state.body)
    except (ValueError, RecursionError):
        raise Refusal(400, Reason.BAD_REQUEST) from None
    error = next(_validator(operation.name).iter_errors(body), None)
    if error is not None:
        known = [str(one) for one in error.absolute_schema_path if one in _WORDS]
        raise Refusal(400, Reason.BAD_REQUEST, {"field": ".".join(known)})
    return body


_WORDS = frozenset(
    {"modes", "filters", "limit", "since", "all", "missing", "media", "force", "job", "task"}
    | {"asset", "reason", "required", "additionalProperties"}
)
"""What of the place of an error is told: words of our own shapes, never what was sent."""


@cache
def _validator(name: str) -> Draft202012Validator:
    (operation,) = (one for one in OPERATIONS if one.name == name)
    return Draft202012Validator(operation.body or {})


def _fits(schema: Mapping[str, Any], value: object) -> bool:
    return bool(Draft202012Validator(schema).is_valid(value))
