"""A question is asked again only when its cause may pass, and the wait can be cut."""

from collections.abc import Callable, Iterator

import pytest
from ollama_server import MODEL, Mode, OllamaServer

from supervisor_core.model.ollama import ModelServer
from supervisor_core.model.retrying import Patience, may_pass, retried
from supervisor_core.reasons import Class, Failed, Reason
from supervisor_core.settings import Settings


def failing(*reasons: Reason) -> Callable[[], str]:
    left: Iterator[Reason] = iter(reasons)

    def call() -> str:
        reason = next(left, None)
        if reason is not None:
            raise Failed(reason)
        return "done"

    return call


def test_waits_grow_between_four_seconds_and_sixty() -> None:
    waits: list[float] = []
    call = failing(*[Reason.MODEL_BUSY] * 9)
    assert retried(call, Patience(tries=10, total_s=10_000), sleep=waits.append) == "done"
    assert len(waits) == 9
    assert all(4 <= wait <= 60 for wait in waits)
    assert waits[0] <= 8
    assert max(waits) > 16
    assert len(set(waits)) > 5


def test_tries_are_bounded() -> None:
    waits: list[float] = []
    with pytest.raises(Failed) as caught:
        retried(failing(*[Reason.OLLAMA_DOWN] * 9), Patience(tries=3), sleep=waits.append)
    assert caught.value.reason is Reason.OLLAMA_DOWN
    assert len(waits) == 2


def test_no_try_begins_after_the_total_time() -> None:
    waits: list[float] = []
    with pytest.raises(Failed):
        retried(failing(Reason.MODEL_BUSY), Patience(total_s=3.0), sleep=waits.append)
    assert waits == []


@pytest.mark.parametrize("reason", Reason)
def test_only_what_may_pass_is_tried_again(reason: Reason) -> None:
    again = may_pass(Failed(reason))
    assert not again or reason.class_ is Class.TRANSIENT
    waits: list[float] = []
    if again:
        assert retried(failing(reason), sleep=waits.append) == "done"
    else:
        with pytest.raises(Failed):
            retried(failing(reason), sleep=waits.append)
    assert len(waits) == again


def test_the_reasons_that_are_tried_again() -> None:
    for reason in (Reason.TIMEOUT, Reason.OLLAMA_DOWN, Reason.MODEL_BUSY, Reason.MODEL_ERROR):
        assert may_pass(Failed(reason))
    for reason in (Reason.CANCELLED, Reason.BLOCKED_BY_OLLAMA, Reason.MODEL_MISSING):
        assert not may_pass(Failed(reason))


def test_a_mistake_of_our_own_is_not_tried_again() -> None:
    def call() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        retried(call, sleep=lambda seconds: pytest.fail("waited"))


def test_a_wait_can_be_cut_short() -> None:
    def cancelled(seconds: float) -> None:
        raise Failed(Reason.CANCELLED)

    with pytest.raises(Failed) as caught:
        retried(failing(Reason.MODEL_BUSY), sleep=cancelled)
    assert caught.value.reason is Reason.CANCELLED


def test_each_wait_is_told() -> None:
    heard: list[tuple[int, Reason, bool]] = []
    retried(
        failing(Reason.MODEL_BUSY, Reason.TIMEOUT),
        sleep=lambda seconds: None,
        on_retry=lambda tries, failed, wait_s: heard.append((tries, failed.reason, wait_s >= 4)),
    )
    assert heard == [(1, Reason.MODEL_BUSY, True), (2, Reason.TIMEOUT, True)]


QUICK = Patience(tries=6, first_s=0.1, longest_s=0.4, total_s=20)


@pytest.mark.parametrize("mode", [Mode.BUSY_THEN_FREE, Mode.RESTART])
def test_a_server_that_comes_back_gives_its_answer(mode: Mode) -> None:
    with OllamaServer() as server:
        server.mode = mode
        client = ModelServer(server.url)
        answers = [retried(lambda: client.ask(MODEL, "What?"), QUICK) for _ in range(3)]
        assert {answer.text for answer in answers} == {client.ask(MODEL, "What?").text}
        assert len(server.asked) > 4


def test_a_server_that_stays_busy_is_given_up() -> None:
    with OllamaServer(mode=Mode.BUSY) as server:
        with pytest.raises(Failed) as caught:
            retried(
                lambda: ModelServer(server.url).ask(MODEL, "What?"),
                Patience(tries=3),
                sleep=lambda seconds: None,
            )
        assert caught.value.reason is Reason.MODEL_BUSY
        assert len(server.asked) == 3


def test_the_settings_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERVISOR_MODEL_TRIES", "2")
    monkeypatch.setenv("SUPERVISOR_MODEL_RETRY_FIRST_S", "1")
    assert Patience.of(Settings.load()) == Patience(tries=2, first_s=1)
