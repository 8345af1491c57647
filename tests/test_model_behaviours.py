"""Each way in which a model server goes wrong, and what becomes of a question then.

A real server on loopback misbehaves, the real client asks it within small limits.
"""

import hashlib
import io
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ollama_server import MODEL, Mode, OllamaServer
from PIL import Image

from supervisor_core.deadline import DeadlineExceeded, Worker
from supervisor_core.model.answers import parse
from supervisor_core.model.child import Request, ask, limits_of
from supervisor_core.model.ollama import OPTIONS, Limits, ModelServer
from supervisor_core.reasons import Class, Failed, Reason
from supervisor_core.settings import Settings

SCHEMA = {
    "type": "object",
    "properties": {
        "caption": {"type": "string"},
        "score": {"type": "integer", "minimum": 0, "maximum": 100},
    },
    "required": ["caption", "score"],
    "additionalProperties": False,
}
LIMITS = Limits(connect_s=0.5, read_s=1.0, total_s=1.5, answer_bytes=256 * 1024)
SLACK_S = 5.0


@pytest.fixture(scope="module")
def shared_server() -> Iterator[OllamaServer]:
    with OllamaServer() as server, OllamaServer() as elsewhere:
        server.elsewhere = f"{elsewhere.url}/"
        server.other = elsewhere
        yield server


@pytest.fixture
def server(shared_server: OllamaServer) -> OllamaServer:
    shared_server.answer, shared_server.everywhere = None, False
    shared_server.models = {MODEL: ""}
    shared_server.requests.clear()
    shared_server.count.clear()
    shared_server.mode = Mode.OK
    return shared_server


def picture(colour: str = "navy", size: tuple[int, int] = (64, 48)) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, "JPEG")
    return target.getvalue()


def asked(server: OllamaServer, limits: Limits = LIMITS) -> dict[str, object]:
    answer = ModelServer(server.url, limits=limits).ask(MODEL, "What?", [picture()], SCHEMA)
    return parse(answer.text, SCHEMA)


# What each behaviour comes to when one question is asked once; None is success.
OUTCOMES = {
    Mode.OK: None,
    Mode.REFUSED: Reason.OLLAMA_DOWN,
    Mode.BLACKHOLED: Reason.OLLAMA_UNREACHABLE,
    Mode.SILENT: Reason.TIMEOUT,
    Mode.DRIP: Reason.TIMEOUT,
    Mode.HEADERS_THEN_HANG: Reason.TIMEOUT,
    Mode.CLOSED_MID_BODY: Reason.TRANSPORT_ERROR,
    Mode.CUT: Reason.TRANSPORT_ERROR,
    Mode.ERROR_500: Reason.MODEL_ERROR,
    Mode.BUSY: Reason.MODEL_BUSY,
    Mode.BUSY_THEN_FREE: Reason.MODEL_BUSY,
    Mode.MODEL_GONE: Reason.MODEL_MISSING,
    Mode.NO_MODELS: Reason.NO_MODELS,
    Mode.EMPTY: Reason.NOT_AN_ANSWER,
    Mode.HTML: Reason.NOT_AN_ANSWER,
    Mode.BROKEN_LINE: Reason.NOT_AN_ANSWER,
    Mode.INVALID_JSON: Reason.INVALID_JSON,
    Mode.FENCE: None,
    Mode.WRONG_TYPES: Reason.SCHEMA_MISMATCH,
    Mode.MISSING_KEY: Reason.MISSING_KEY,
    Mode.NAN: Reason.PARSE_ERROR,
    Mode.LENGTH: Reason.ANSWER_TOO_LARGE,
    Mode.OVERSIZED: Reason.ANSWER_TOO_LARGE,
    Mode.ENDLESS: Reason.TIMEOUT,
    Mode.REDIRECT: Reason.NOT_AN_ANSWER,
    Mode.GZIP_BOMB: Reason.NOT_AN_ANSWER,
    Mode.SLOW_LOAD: None,
    Mode.RESTART: Reason.TRANSPORT_ERROR,
    Mode.ERROR_LINE: Reason.MODEL_ERROR,
}

# What each comes to when the whole server behaves like that, its list of models included; there a
# stream that ends too early or an answer of wrong content is simply no list.
EVERYWHERE = {
    Mode.SILENT: Reason.TIMEOUT,
    Mode.DRIP: Reason.TIMEOUT,
    Mode.HEADERS_THEN_HANG: Reason.TIMEOUT,
    Mode.CLOSED_MID_BODY: Reason.TRANSPORT_ERROR,
    Mode.ERROR_500: Reason.MODEL_ERROR,
    Mode.BUSY: Reason.MODEL_BUSY,
    Mode.EMPTY: Reason.NOT_AN_ANSWER,
    Mode.HTML: Reason.NOT_AN_ANSWER,
    Mode.BROKEN_LINE: Reason.NOT_AN_ANSWER,
    Mode.OVERSIZED: Reason.ANSWER_TOO_LARGE,
    Mode.ENDLESS: Reason.TIMEOUT,
    Mode.REDIRECT: Reason.NOT_AN_ANSWER,
    Mode.GZIP_BOMB: Reason.NOT_AN_ANSWER,
    Mode.RESTART: Reason.TRANSPORT_ERROR,
}


def test_every_behaviour_stands_in_the_table() -> None:
    assert set(OUTCOMES) == set(Mode)


def test_every_outcome_is_told_in_the_docs() -> None:
    page = (Path(__file__).parents[1] / "docs" / "models.md").read_text("utf-8")
    reasons = {*OUTCOMES.values(), *EVERYWHERE.values()} - {None}
    assert [reason for reason in reasons if f"`{reason}`" not in page] == []


def expect(server: OllamaServer, reason: Reason | None) -> None:
    started = time.monotonic()
    if reason is None:
        assert set(asked(server)) == {"caption", "score"}
    else:
        with pytest.raises(Failed) as caught:
            asked(server)
        assert caught.value.reason is reason
        assert set(caught.value.facts) <= FACTS
    assert time.monotonic() - started < LIMITS.total_s + SLACK_S
    assert server.other.count == {}


FACTS = {"limit_s", "limit_bytes", "status", "tokens", "errors", "key", "error", "length", "models"}


@pytest.mark.parametrize("mode", OUTCOMES)
def test_a_question_to_a_server_that_goes_wrong(server: OllamaServer, mode: Mode) -> None:
    server.mode = mode
    expect(server, OUTCOMES[mode])


@pytest.mark.parametrize("mode", EVERYWHERE)
def test_a_question_to_something_that_is_wrong_altogether(server: OllamaServer, mode: Mode) -> None:
    server.mode, server.everywhere = mode, True
    expect(server, EVERYWHERE[mode])


def test_what_may_pass_is_told_from_what_does_not() -> None:
    passing = {mode for mode, reason in OUTCOMES.items() if reason and reason.transient}
    assert passing == {
        Mode.REFUSED,
        Mode.BLACKHOLED,
        Mode.SILENT,
        Mode.DRIP,
        Mode.HEADERS_THEN_HANG,
        Mode.ENDLESS,
        Mode.CLOSED_MID_BODY,
        Mode.CUT,
        Mode.RESTART,
        Mode.ERROR_500,
        Mode.ERROR_LINE,
        Mode.BUSY,
        Mode.BUSY_THEN_FREE,
    }
    assert Reason.NO_MODELS.class_ is Class.CONFIG


def test_what_is_sent_is_what_was_given(server: OllamaServer) -> None:
    pictures = [picture("navy"), picture("olive")]
    answer = ModelServer(server.url).ask(MODEL, "What?", pictures, SCHEMA, {"num_predict": 9})
    (request,) = server.asked
    assert request.path == "/api/chat"
    assert [(sent.sha256, sent.size_bytes) for sent in request.pictures] == [
        (hashlib.sha256(content).hexdigest(), len(content)) for content in pictures
    ]
    assert (request.model, request.prompt, request.format) == (MODEL, "What?", SCHEMA)
    assert (request.options, request.think) == ({**OPTIONS, "num_predict": 9}, False)
    assert parse(answer.text, SCHEMA)["caption"] == request.seed
    assert answer.prompt_tokens == 210
    assert answer.done_reason == "stop"
    assert len(answer.digest) == 64


def test_another_picture_gets_another_answer(server: OllamaServer) -> None:
    client = ModelServer(server.url)
    texts = [client.ask(MODEL, "What?", [picture(name)]).text for name in ("navy", "olive")]
    assert texts[0] != texts[1]


def test_a_slow_load_is_told(server: OllamaServer) -> None:
    server.mode = Mode.SLOW_LOAD
    assert ModelServer(server.url, limits=LIMITS).ask(MODEL, "What?").load_s == server.slow_s


def test_nothing_of_the_environment_goes_along(
    server: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "open sesame")
    monkeypatch.setenv("OLLAMA_HOST", server.other.url)
    monkeypatch.setenv("HTTP_PROXY", server.other.url)
    monkeypatch.setenv("ALL_PROXY", server.other.url)
    ModelServer(server.url, limits=LIMITS).ask(MODEL, "What?")
    headers = {name.lower(): value for name, value in server.asked[0].headers.items()}
    assert "authorization" not in headers
    assert headers["accept-encoding"] == "identity"
    assert server.other.count == {}


def test_a_picture_that_the_server_can_not_read(server: OllamaServer) -> None:
    with pytest.raises(Failed) as caught:
        ModelServer(server.url).ask(MODEL, "What?", [picture()[:100]])
    assert caught.value.reason is Reason.INVALID_IMAGE


def test_no_word_of_prompt_or_server_gets_into_a_failure(server: OllamaServer) -> None:
    for mode in (Mode.MODEL_GONE, Mode.ERROR_500, Mode.ERROR_LINE, Mode.HTML, Mode.INVALID_JSON):
        server.mode = mode
        with pytest.raises(Failed) as caught:
            asked(server)
        assert "What?" not in str(caught.value)
        assert "resource" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_model_that_runs_elsewhere_gets_no_picture(server: OllamaServer) -> None:
    server.models = {MODEL: "https://ollama.com:443"}
    with pytest.raises(Failed) as caught:
        asked(server)
    assert caught.value.reason is Reason.MODEL_HOST_FORBIDDEN
    assert server.asked == []
    allowed = ModelServer(server.url, ["ollama.com"], LIMITS)
    assert allowed.ask(MODEL, "What?", [picture()]).text


@pytest.mark.parametrize("wanted", ["qwen2.5vl", "qwen2.5vl:7B", "qwen2.5vl:72b"])
def test_a_similar_name_is_another_model(server: OllamaServer, wanted: str) -> None:
    with pytest.raises(Failed) as caught:
        ModelServer(server.url).ask(wanted, "What?", [picture()])
    assert caught.value.reason is Reason.MODEL_MISSING
    assert server.asked == []


def test_sixteen_questions_at_once_each_get_their_own_answer(server: OllamaServer) -> None:
    client = ModelServer(server.url)
    answers: dict[int, str] = {}

    def one(number: int) -> None:
        answers[number] = client.ask(MODEL, f"Question {number}", [picture()], SCHEMA).text

    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    by_prompt = {request.prompt: request.seed for request in server.asked}
    assert {
        number: parse(text, SCHEMA)["caption"] == by_prompt[f"Question {number}"]
        for number, text in answers.items()
    } == dict.fromkeys(range(16), True)


def still(folder: Path, size: tuple[int, int]) -> Path:
    path = folder / "still.png"
    Image.effect_noise(size, 80).convert("RGB").save(path)
    return path


def request(server: OllamaServer, *pictures: Path, **changes: object) -> Request:
    whole = Request(server.url, MODEL, "What?", pictures, SCHEMA, limits=LIMITS)
    return replace(whole, **changes)


def test_a_child_sends_pictures_small_enough(server: OllamaServer, tmp_path: Path) -> None:
    question = request(server, still(tmp_path, (900, 450)), picture_side=300)
    with Worker(preload=["supervisor_core.model.child"]) as worker:
        answer = worker.call(ask, question, limit_s=20)
        (sent,) = server.asked[0].pictures
        assert (sent.width, sent.height) == (300, 150)
        assert parse(answer.text, SCHEMA)["caption"] == server.asked[0].seed
        with pytest.raises(Failed) as caught:
            worker.call(ask, replace(question, model="other"), limit_s=20)
        assert caught.value.reason is Reason.MODEL_MISSING


def test_a_child_that_hangs_is_killed_at_its_limit(server: OllamaServer) -> None:
    server.mode = Mode.SILENT
    patient = Limits(connect_s=60, read_s=60, total_s=60)
    with Worker(preload=["supervisor_core.model.child"], grace_s=0.2) as worker:
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            worker.call(ask, request(server, limits=patient), limit_s=0.5)
        assert time.monotonic() - started < 0.5 + SLACK_S
        server.mode = Mode.OK
        assert worker.call(ask, request(server), limit_s=20).text


def test_a_picture_that_stays_too_large_is_not_sent(server: OllamaServer, tmp_path: Path) -> None:
    with pytest.raises(Failed) as caught:
        ask(request(server, still(tmp_path, (600, 600)), picture_bytes=1024))
    assert caught.value.reason is Reason.TOO_LARGE_FOR_VISION
    assert server.count == {}


def test_a_picture_gets_smaller_until_it_fits(server: OllamaServer, tmp_path: Path) -> None:
    ask(request(server, still(tmp_path, (600, 300)), picture_bytes=20_000))
    (sent,) = server.asked[0].pictures
    assert sent.size_bytes <= 20_000
    assert 100 < sent.width < 600
    assert sent.width == pytest.approx(2 * sent.height, abs=2)


def test_the_settings_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERVISOR_MODEL_HOSTS", "gpu.lan, ollama.com")
    monkeypatch.setenv("SUPERVISOR_MODEL_READ_S", "7")
    settings = Settings.load()
    question = Request.of(settings, "What?", pictures=(Path("a.png"),))
    assert question.hosts == {"gpu.lan", "ollama.com"}
    assert question.limits == limits_of(settings)
    assert question.limits.read_s == 7
    assert (question.url, question.model) == (settings.ollama_url, settings.model)
