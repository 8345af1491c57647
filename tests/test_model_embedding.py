"""Vectors of texts: one for each, of length 1, or one reason why there are none."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import ollama
import ollama_shapes as shapes
import pytest
from ollama_server import Mode, OllamaServer
from ollama_shapes import Refused

from supervisor_core.model.ollama import Limits, ModelServer
from supervisor_core.reasons import Failed, Reason

NAME = "nomic-embed-text:latest"
LIMITS = Limits(connect_s=0.5, read_s=0.5, total_s=1.0, answer_bytes=256 * 1024)


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer(NAME) as server:
        yield server


def embed(server: OllamaServer, *texts: str) -> tuple[tuple[float, ...], ...]:
    return ModelServer(server.url, limits=LIMITS).embed(NAME, texts).vectors


def test_each_text_has_its_vector_in_its_place(server: OllamaServer) -> None:
    made = ModelServer(server.url, limits=LIMITS).embed(NAME, ["one", "two", "one"])
    one, two, again = made.vectors
    assert one == again != two
    assert all(math.isclose(math.hypot(*vector), 1.0) for vector in made.vectors)
    assert (made.digest, made.prompt_tokens) == (shapes.digest(NAME), 3)
    assert made.total_s > made.load_s > 0
    assert [request.texts for request in server.asked] == [("one", "two", "one")]


def test_vectors_of_a_server_of_old_are_brought_to_length_one(server: OllamaServer) -> None:
    server.vectors = lambda texts: [[3.0, 4.0]] * len(texts)
    assert embed(server, "a") == ((0.6, 0.8),)


@pytest.mark.parametrize(
    "vectors",
    [
        lambda texts: [[0.0, 0.0]] * len(texts),
        lambda texts: [[1.0, 0.0]] * (len(texts) - 1),
        lambda texts: [[1.0] * (n + 1) for n in range(len(texts))],
        lambda texts: [[]] * len(texts),
    ],
    ids=["zeros", "too few", "other lengths", "empty"],
)
def test_what_points_nowhere_is_no_answer(
    server: OllamaServer, vectors: Callable[[list[str]], Any]
) -> None:
    server.vectors = vectors
    with pytest.raises(Failed) as caught:
        embed(server, "a", "b")
    assert caught.value.reason is Reason.NOT_AN_ANSWER


def test_a_model_that_makes_none_is_told_by_its_status(server: OllamaServer) -> None:
    def none(texts: list[str]) -> Any:
        raise Refused(400, "this model does not support embeddings")

    server.vectors = none
    with pytest.raises(Failed) as caught:
        embed(server, "a")
    assert (caught.value.reason, caught.value.facts) == (Reason.HTTP_ERROR, {"status": 400})


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.REFUSED, Reason.OLLAMA_DOWN),
        (Mode.SILENT, Reason.TIMEOUT),
        (Mode.BUSY, Reason.MODEL_BUSY),
        (Mode.ERROR_500, Reason.MODEL_ERROR),
        (Mode.MODEL_GONE, Reason.MODEL_MISSING),
        (Mode.NO_MODELS, Reason.NO_MODELS),
        (Mode.HTML, Reason.NOT_AN_ANSWER),
        (Mode.EMPTY, Reason.NOT_AN_ANSWER),
        (Mode.GZIP_BOMB, Reason.NOT_AN_ANSWER),
    ],
)
def test_a_server_that_goes_wrong_is_told_as_ever(
    server: OllamaServer, mode: Mode, reason: Reason
) -> None:
    server.mode = mode
    with pytest.raises(Failed) as caught:
        embed(server, "a")
    assert caught.value.reason is reason


def test_the_server_cuts_and_refuses_as_the_real_one(server: OllamaServer) -> None:
    long = "x" * (shapes.CONTEXT_CHARS + 1)
    with ollama.Client(server.url) as client:
        assert client.embed(NAME, long).embeddings == client.embed(NAME, long[:-1]).embeddings
        assert len(client.embed(NAME, "a", dimensions=4).embeddings[0]) == 4
        assert client.embed(NAME, []).embeddings == []
        with pytest.raises(ollama.ResponseError, match="exceeds"):
            client.embed(NAME, long, truncate=False)
