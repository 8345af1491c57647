"""Whoever waits for the model server is heard of, whatever the server does."""

import logging
import threading

import pytest
from ollama_server import MODEL, Mode, OllamaServer

from supervisor_core.model import waiting
from supervisor_core.model.ollama import Limits, ModelServer
from supervisor_core.reasons import Failed


class Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.Event()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        self.heard.set()


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    monkeypatch.setattr(waiting, "NOTE_EVERY_S", 0.1)
    handler, log = Ear(), logging.getLogger("supervisor")
    monkeypatch.setattr(log, "level", logging.INFO)
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


def test_a_silent_server_is_told_of(ear: Ear) -> None:
    with OllamaServer(mode=Mode.SILENT) as server, pytest.raises(Failed):
        ModelServer(server.url, limits=Limits(total_s=0.5)).ask(MODEL, "What?")
    assert 2 <= ear.count <= 5


def test_it_ends_with_the_wait(ear: Ear) -> None:
    before = set(threading.enumerate())
    with waiting.noted("something"):
        assert ear.heard.wait(10)
        assert set(threading.enumerate()) - before
    assert not set(threading.enumerate()) - before
