"""Asking a model: one question with its pictures, one answer, or one reason why there is none.

Before anything is sent the host is checked, and the server's own list says whether the model is
there and whether it is really there and not somewhere else. Only a whole answer counts: the last
line of the stream was read, and it was the model that ended it (`stop`), not a limit of tokens.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import ollama

from supervisor_core.model.catalogue import find_model
from supervisor_core.model.hosts import Endpoint, check_host
from supervisor_core.model.refusals import refusal
from supervisor_core.model.transport import Limits, Transport
from supervisor_core.model.waiting import noted
from supervisor_core.reasons import Failed, Reason

__all__ = ["OPTIONS", "Answer", "Limits", "ModelServer", "Vectors"]

# The same question gets the same answer, as far as a model can promise that.
OPTIONS: Mapping[str, Any] = {"temperature": 0, "seed": 42, "top_p": 1}

_NANOSECONDS = 1e9
_LENGTH_MIN = 1e-6


@dataclass(frozen=True)
class Answer:
    """What a model said, with its measurements; times in seconds as the server took them."""

    text: str
    done_reason: str
    prompt_tokens: int
    answer_tokens: int
    load_s: float
    total_s: float
    digest: str


@dataclass(frozen=True)
class Vectors:
    """One vector of length 1 for each text, all of the same dimension, with the measurements."""

    vectors: tuple[tuple[float, ...], ...]
    prompt_tokens: int
    load_s: float
    total_s: float
    digest: str


class ModelServer:
    """One model server, its address checked against the hosts that the operator has listed.

    Nothing is kept open between two questions, and nothing of the environment (proxies, keys,
    addresses) has a say in where they go. Raises `Failed(BAD_CONFIGURATION)` for a bad address.
    """

    def __init__(self, url: str, hosts: Collection[str] = (), limits: Limits | None = None) -> None:
        self.endpoint = Endpoint.of(url)
        self._hosts = tuple(hosts)
        self._limits = limits or Limits()

    def ask(
        self,
        model: str,
        prompt: str,
        pictures: Sequence[bytes] = (),
        schema: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Asks a model about pictures (whole files) and returns all it said.

        `schema` is sent as the form of the answer, `options` over our own. Raises `Failed`:
        MODEL_HOST_FORBIDDEN, OLLAMA_DOWN, OLLAMA_UNREACHABLE, NO_MODELS, MODEL_MISSING,
        MODEL_BUSY, MODEL_ERROR, INVALID_IMAGE, HTTP_ERROR, TRANSPORT_ERROR, TIMEOUT, NOT_AN_ANSWER
        or ANSWER_TOO_LARGE, also when the model's limit of tokens cut the answer.
        """
        check_host(self.endpoint, model, self._hosts)
        question = {"role": "user", "content": prompt, "images": list(pictures)}
        with noted("model server"), _connected(self.endpoint, self._limits) as (web, client):
            digest = find_model(web, model, self._hosts).digest
            with _understood(len(pictures)):
                parts = client.chat(
                    model=model,
                    messages=[question],
                    stream=True,
                    think=False,
                    format=dict(schema) if schema is not None else None,
                    options={**OPTIONS, **(options or {})},
                )
                return _whole(parts, digest)

    def embed(self, model: str, texts: Sequence[str]) -> Vectors:
        """Has a model make a vector of each text, in one request.

        A text above the model's context is cut there by the server. Raises `Failed` as `ask` does;
        HTTP_ERROR also for a model that makes no vectors, NOT_AN_ANSWER for anything but one usable
        vector for each text.
        """
        check_host(self.endpoint, model, self._hosts)
        with noted("model server"), _connected(self.endpoint, self._limits) as (web, client):
            digest = find_model(web, model, self._hosts).digest
            with _understood(0):
                said = client.embed(model=model, input=list(texts), truncate=True)
                return Vectors(
                    vectors=_directions(said.embeddings, len(texts)),
                    prompt_tokens=said.prompt_eval_count or 0,
                    load_s=(said.load_duration or 0) / _NANOSECONDS,
                    total_s=(said.total_duration or 0) / _NANOSECONDS,
                    digest=digest,
                )


@contextmanager
def connected(endpoint: Endpoint, limits: Limits) -> Iterator[httpx.Client]:
    """A plain HTTP client within the limits, for what needs no model."""
    with _connected(endpoint, limits) as (web, _):
        yield web


@contextmanager
def _connected(endpoint: Endpoint, limits: Limits) -> Iterator[tuple[httpx.Client, ollama.Client]]:
    """Two clients on one connection: the plain one, and the one that knows how to ask."""
    transport = Transport(limits)
    terms: dict[str, Any] = {
        "transport": transport,
        "timeout": None,
        "follow_redirects": False,
        "trust_env": False,
    }
    with ExitStack() as closing:
        closing.callback(transport.close)
        web = closing.enter_context(httpx.Client(base_url=endpoint.url, **terms))
        client = closing.enter_context(ollama.Client(endpoint.url, **terms))
        yield web, client


def _whole(parts: Iterator[ollama.ChatResponse], digest: str) -> Answer:
    """Puts an answer together; raises when its last line never came."""
    texts: list[str] = []
    for part in parts:
        texts.append(part.message.content or "")
        if part.done:
            return _answer("".join(texts), part, digest)
    raise Failed(Reason.TRANSPORT_ERROR if texts else Reason.NOT_AN_ANSWER)


def _answer(text: str, last: ollama.ChatResponse, digest: str) -> Answer:
    # Servers of old give no reason for the end.
    done_reason = last.done_reason or "stop"
    if done_reason == "length":
        raise Failed(Reason.ANSWER_TOO_LARGE, tokens=last.eval_count or 0)
    if done_reason != "stop":
        raise Failed(Reason.NOT_AN_ANSWER)
    return Answer(
        text=text,
        done_reason=done_reason,
        prompt_tokens=last.prompt_eval_count or 0,
        answer_tokens=last.eval_count or 0,
        load_s=(last.load_duration or 0) / _NANOSECONDS,
        total_s=(last.total_duration or 0) / _NANOSECONDS,
        digest=digest,
    )


def _directions(vectors: Sequence[Sequence[float]], count: int) -> tuple[tuple[float, ...], ...]:
    """The vectors, each brought to length 1: servers of old did not do that.

    Some models give nothing but zeros for a text that is too long; that points nowhere.
    """
    lengths = [math.sqrt(sum(value * value for value in vector)) for vector in vectors]
    usable = all(math.isfinite(length) and length > _LENGTH_MIN for length in lengths)
    if len(vectors) != count or len({len(vector) for vector in vectors}) != 1 or not usable:
        raise Failed(Reason.NOT_AN_ANSWER, error="vectors")
    return tuple(
        tuple(value / length for value in vector)
        for vector, length in zip(vectors, lengths, strict=True)
    )


@contextmanager
def _understood(pictures: int) -> Iterator[None]:
    """Turns what the client says into one of our reasons; its texts come from the server."""
    try:
        yield
    except ollama.ResponseError as error:
        raise refusal(error.status_code, error.error, pictures=pictures) from None
    except httpx.HTTPError:
        raise Failed(Reason.TRANSPORT_ERROR) from None
    except (ValueError, TypeError, AttributeError, RecursionError):
        # A line that is no JSON, no object, or one that lacks what every answer has.
        raise Failed(Reason.NOT_AN_ANSWER) from None
