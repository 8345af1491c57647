"""The model server of the tests speaks like the real one, and other processes can switch it."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import ollama
import pytest
from ollama_server import MODEL, Mode, OllamaServer

ROOT = Path(__file__).parents[1]


def called(url: str, content: object = None, method: str | None = None) -> Any:
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, data=body, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def test_the_real_client_understands_all_of_it() -> None:
    with OllamaServer() as server, ollama.Client(server.url) as client:
        assert [model.model for model in client.list().models] == [MODEL]
        assert client.show(MODEL).capabilities == ["completion", "vision"]
        assert [model.model for model in client.ps().models] == [MODEL]
        assert len(client.embed(MODEL, ["a", "b"]).embeddings) == 2
        assert client.generate(MODEL, "What?").done_reason == "stop"
        assert client.chat(MODEL, [{"role": "user", "content": "What?"}]).message.content
        parts = list(client.generate(MODEL, "What?", stream=True))
        assert [part.done for part in parts].count(True) == 1
        with pytest.raises(ollama.ResponseError) as caught:
            client.generate("other", "What?")
        assert caught.value.status_code == 404


def test_an_embedding_belongs_to_its_text() -> None:
    with OllamaServer() as server, ollama.Client(server.url) as client:
        one, two, again = client.embed(MODEL, ["one", "two", "one"]).embeddings
    assert one == again != two


def test_it_answers_what_it_was_given() -> None:
    with OllamaServer() as server, ollama.Client(server.url) as client:
        for given, expected in (
            ("plain text", "plain text"),
            ({"caption": "a"}, '{"caption": "a"}'),
            (lambda request: [request.prompt], '["What?"]'),
        ):
            server.answer = given
            assert client.generate(MODEL, "What?").response == expected


def test_another_process_switches_it() -> None:
    command = [sys.executable, "-m", "tests.ollama_server", "--mode", "error_500"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            places = json.loads(process.stdout.readline())
            control = f"http://127.0.0.1:{places['control']}/"
            question = {"model": MODEL, "prompt": "What?", "stream": False}
            with pytest.raises(urllib.error.HTTPError) as caught:
                called(f"{places['url']}/api/generate", question)
            caught.value.close()
            assert caught.value.code == 500
            called(control, {"mode": "ok", "answer": {"caption": "x"}}, "PUT")
            answer = called(f"{places['url']}/api/generate", question)
            assert json.loads(answer["response"]) == {"caption": "x"}
            told = called(control)
            assert told["mode"] == Mode.OK
            assert told["count"] == {"/api/generate": 2}
            assert told["requests"][0]["prompt"] == "What?"
        finally:
            process.terminate()
