"""Asking a model in the child process that can be killed: `worker.call(ask, request, limit_s=...)`.

The limits of the model server's client hold for all that goes over a socket; a name that is looked
up, or a picture that hangs its decoder, ends only with the process. Paths travel, never pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor_core.model.ollama import Answer, Limits, ModelServer
from supervisor_core.model.pictures import prepared
from supervisor_core.settings import Settings


@dataclass(frozen=True)
class Request:
    """Everything one question needs; `pictures` are files of stills that may be shown."""

    url: str
    model: str
    prompt: str
    pictures: tuple[Path, ...] = ()
    schema: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    picture_side: int = 1024
    picture_bytes: int = 4 * 1024**2

    @classmethod
    def of(cls, settings: Settings, prompt: str, **rest: Any) -> "Request":
        """A question to the model and server that the settings name."""
        return cls(
            **{
                "url": settings.ollama_url,
                "model": settings.model,
                "prompt": prompt,
                "hosts": settings.model_host_names,
                "limits": limits_of(settings),
                "picture_side": settings.picture_side,
                "picture_bytes": settings.picture_bytes,
                **rest,
            }
        )


def limits_of(settings: Settings) -> Limits:
    """The limits of one question, as the settings have them."""
    return Limits(
        connect_s=settings.model_connect_s,
        read_s=settings.model_read_s,
        total_s=settings.model_total_s,
        answer_bytes=settings.answer_bytes,
    )


def ask(request: Request) -> Answer:
    """Reads the pictures, makes them small enough and asks; raises what those steps raise."""
    server = ModelServer(request.url, request.hosts, request.limits)
    pictures = [
        prepared(path, request.picture_side, request.picture_bytes) for path in request.pictures
    ]
    return server.ask(request.model, request.prompt, pictures, request.schema, request.options)
