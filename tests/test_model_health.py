"""A look at the model server is short, and tells apart what has to be done about it."""

import socket
import threading
import time

import pytest
from ollama_server import MODEL, Mode, OllamaServer

from supervisor_core.model.health import State, look
from supervisor_core.reasons import Failed, Reason

LIMIT_S = 0.9
STATES = {
    Mode.REFUSED: (State.DOWN, Reason.OLLAMA_DOWN),
    Mode.BLACKHOLED: (State.DOWN, Reason.OLLAMA_UNREACHABLE),
    Mode.SILENT: (State.DOWN, Reason.TIMEOUT),
    Mode.DRIP: (State.DOWN, Reason.TIMEOUT),
    Mode.HEADERS_THEN_HANG: (State.DOWN, Reason.TIMEOUT),
    Mode.ENDLESS: (State.DOWN, Reason.TIMEOUT),
    Mode.BUSY: (State.DOWN, Reason.MODEL_BUSY),
    Mode.ERROR_500: (State.DOWN, Reason.MODEL_ERROR),
    Mode.NO_MODELS: (State.UNUSABLE, Reason.NO_MODELS),
    Mode.HTML: (State.UNUSABLE, Reason.NOT_AN_ANSWER),
    Mode.EMPTY: (State.UNUSABLE, Reason.NOT_AN_ANSWER),
    Mode.REDIRECT: (State.UNUSABLE, Reason.NOT_AN_ANSWER),
    Mode.GZIP_BOMB: (State.UNUSABLE, Reason.NOT_AN_ANSWER),
    Mode.OK: (State.HEALTHY, None),
}


@pytest.mark.parametrize("mode", STATES)
def test_each_state_is_told_within_the_limit(mode: Mode) -> None:
    with OllamaServer(mode=mode) as server:
        server.everywhere = True
        started = time.monotonic()
        health = look(server.url, MODEL, limit_s=LIMIT_S)
        assert (health.state, health.reason) == STATES[mode]
        assert health.seconds <= time.monotonic() - started < LIMIT_S + 1
        assert server.asked == []


def test_a_healthy_model_is_known_by_its_digest() -> None:
    with OllamaServer("other:1b", MODEL) as server:
        health = look(server.url, MODEL)
        assert health.healthy
        assert health.version == "0.12.6"
        assert len(health.digest) == 64
        assert health.digest != look(server.url, "other:1b").digest


@pytest.mark.parametrize("wanted", ["qwen2.5vl", "qwen2.5vl:7b-q4", "Qwen2.5vl:7b", ""])
def test_only_the_exact_name_counts(wanted: str) -> None:
    with OllamaServer() as server:
        health = look(server.url, wanted)
        assert (health.state, health.reason) == (State.UNUSABLE, Reason.MODEL_MISSING)
        assert health.version == "0.12.6"


def test_a_model_that_runs_elsewhere_is_told() -> None:
    with OllamaServer() as server:
        server.models[MODEL] = "https://ollama.com:443"
        assert look(server.url, MODEL).reason is Reason.MODEL_HOST_FORBIDDEN
        assert look(server.url, MODEL, ["ollama.com"]).healthy


def test_a_forbidden_host_is_not_even_called() -> None:
    health = look("http://models.invalid:11434", MODEL)
    assert (health.state, health.reason) == (State.UNUSABLE, Reason.MODEL_HOST_FORBIDDEN)
    assert health.seconds < 0.5


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-OpenSSH_9.6\r\n", b"220 mail ready\r\n", b"HTTP/1.1 200 OK\r\n\r\n[[["]
)
def test_another_program_on_the_port_is_told(greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(greeting)

        thread = threading.Thread(target=greet)
        thread.start()
        health = look(f"http://127.0.0.1:{listener.getsockname()[1]}", MODEL)
        thread.join()
    assert health.reason is Reason.NOT_AN_ANSWER


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(Failed) as caught:
        look("ftp://user:secret@127.0.0.1", MODEL)
    assert caught.value.reason is Reason.BAD_CONFIGURATION
    assert "secret" not in str(caught.value)
