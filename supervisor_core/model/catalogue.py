"""What a model server says of itself: its version and its models."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import httpx

from supervisor_core.model.hosts import check_remote
from supervisor_core.model.refusals import refusal
from supervisor_core.reasons import Failed, Reason


@dataclass(frozen=True)
class Listed:
    """One model as the server lists it; `remote_host` is where it really runs, "" for there."""

    name: str
    digest: str
    remote_host: str = ""


def read_version(client: httpx.Client) -> str:
    """The server's version; raises `Failed` as the transport does, or `NOT_AN_ANSWER`."""
    version = _read(client, "/api/version").get("version")
    if not isinstance(version, str) or not version:
        raise Failed(Reason.NOT_AN_ANSWER)
    return version[:40]


def find_model(client: httpx.Client, model: str, hosts: Collection[str]) -> Listed:
    """The model of exactly this name.

    Raises `Failed`: NO_MODELS, MODEL_MISSING, MODEL_HOST_FORBIDDEN when the server passes this
    model's questions on to a host that is not listed, and what reading the list raises.
    """
    models = read_models(client)
    if not models:
        raise Failed(Reason.NO_MODELS)
    found = next((listed for listed in models if listed.name == model), None)
    if found is None:
        raise Failed(Reason.MODEL_MISSING, models=len(models))
    if found.remote_host:
        check_remote(found.remote_host, hosts)
    return found


def read_models(client: httpx.Client) -> list[Listed]:
    """All models; raises `Failed` as the transport does, or `NOT_AN_ANSWER`."""
    rows = _read(client, "/api/tags").get("models")
    if rows is None:
        raise Failed(Reason.NOT_AN_ANSWER)
    try:
        return [_listed(row) for row in rows]
    except (AttributeError, KeyError, TypeError):
        raise Failed(Reason.NOT_AN_ANSWER) from None


def _listed(row: dict[str, Any]) -> Listed:
    name = row.get("name") or row["model"]
    return Listed(str(name), str(row.get("digest", "")), str(row.get("remote_host") or ""))


def _read(client: httpx.Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    if answer.status_code != httpx.codes.OK:
        failed = refusal(answer.status_code, "", pictures=0)
        raise failed
    try:
        content = answer.json()
    except (ValueError, RecursionError):
        raise Failed(Reason.NOT_AN_ANSWER) from None
    if not isinstance(content, dict):
        raise Failed(Reason.NOT_AN_ANSWER)
    return content
