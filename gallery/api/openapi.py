"""The description of the API as OpenAPI 3.1 has it, made from the table of operations."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gallery.api import schemas
from gallery.api.operations import OPERATIONS, Operation

_JSON = "application/json"
_SAYS = (
    "Every call shows a key as `Authorization: Bearer KEY`. Whatever goes wrong is told in one"
    " shape, with a reason, what happened and what to do."
)


@cache
def description() -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Supervisor", "version": _version(), "description": _SAYS},
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "responses": {"error": {"description": "What went wrong.", **_content(schemas.ERROR)}},
        },
        "security": [{"key": []}],
    }


def _operation(one: Operation) -> dict[str, Any]:
    given = [
        *(_parameter("path", name, schema) for name, schema in one.places.items()),
        *(_parameter("query", name, schema) for name, schema in one.query.items()),
    ]
    body = {"requestBody": {"required": True, **_content(one.body)}} if one.body else {}
    return {
        "operationId": one.name,
        "summary": one.says,
        "description": f"For the role {one.role} and those above it.",
        **({"parameters": given} if given else {}),
        **body,
        "responses": {
            str(one.status): {"description": "Done.", **_content(one.answer)},
            "default": {"$ref": "#/components/responses/error"},
        },
    }


def _parameter(place: str, name: str, schema: schemas.Schema) -> dict[str, Any]:
    plain = {key: value for key, value in schema.items() if key != "x-required"}
    required = place == "path" or bool(schema.get("x-required", False))
    return {"name": name, "in": place, "required": required, "schema": plain}


def _content(schema: schemas.Schema) -> dict[str, Any]:
    return {"content": {_JSON: {"schema": schema}}}


def _version() -> str:
    try:
        return version("supervisor-assets")
    except PackageNotFoundError:
        return "0"
