"""Pictures go to this machine, or where the operator has said; a name that looks like it is not."""

import pytest
from ollama_server import OllamaServer

from supervisor_core.model.hosts import Endpoint, check_host, check_remote
from supervisor_core.model.ollama import ModelServer
from supervisor_core.reasons import Failed, Reason


def may_be_asked(url: str, model: str = "m", listed: tuple[str, ...] = ()) -> bool:
    try:
        check_host(Endpoint.of(url), model, listed)
    except Failed as failed:
        return failed.reason is not Reason.MODEL_HOST_FORBIDDEN
    return True


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:11434",
        "http://127.8.9.10",
        "http://[::1]:11434/",
        "http://localhost:11434/ollama/",
        "http://LOCALHOST.",
    ],
)
def test_this_machine_may_be_asked(url: str) -> None:
    assert may_be_asked(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://gpu.lan:11434",
        "http://10.0.0.5:11434",
        "http://192.168.1.1",
        "https://ollama.com",
        "http://0.0.0.0:11434",
        "http://127.1:11434",
        "http://2130706433",
        "http://0x7f.0.0.1",
        "http://127.0.0.1.nip.io",
        "http://localhost.example.org",
        "http://[::ffff:127.0.0.1]",
        "http://[fe80::1]",
    ],
)
def test_any_other_must_be_listed(url: str) -> None:
    assert not may_be_asked(url)
    assert not may_be_asked(url, listed=("other.lan", "lan", "com", "0.0.1"))
    assert may_be_asked(url, listed=(Endpoint.of(url).host.upper(),))


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "qwen3-vl:cloud", "x:CLOUD", "x-cloud "])
def test_a_cloud_model_is_another_host(model: str) -> None:
    assert not may_be_asked("http://127.0.0.1", model)
    assert not may_be_asked("http://gpu.lan", model, ("gpu.lan",))
    assert may_be_asked("http://127.0.0.1", model, ("ollama.com",))


@pytest.mark.parametrize("model", ["cloudy:7b", "cloud", "my-cloud:7b"])
def test_a_name_that_only_sounds_like_it_is_local(model: str) -> None:
    assert may_be_asked("http://127.0.0.1", model)


@pytest.mark.parametrize(
    "host", ["https://ollama.com:443", "ollama.com", "//ollama.com", "https://OLLAMA.com./"]
)
def test_a_model_passed_on_needs_its_host_listed(host: str) -> None:
    check_remote(host, ["ollama.com"])
    for listed in ([], ["ollama.com.example.org"], ["example.org"]):
        with pytest.raises(Failed):
            check_remote(host, listed)


@pytest.mark.parametrize("host", ["http://[::1", "//", "http://", " "])
def test_a_host_that_can_not_be_read_is_not_listed(host: str) -> None:
    with pytest.raises(Failed) as caught:
        check_remote(host, ["", "ollama.com"])
    assert caught.value.reason is Reason.MODEL_HOST_FORBIDDEN


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:11434",
        "localhost",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:port",
        "http://127.0.0.1:99999",
        "http://user:secret@127.0.0.1",
        "http://127.0.0.1@example.org",
        "http://127.0.0.1/?key=secret",
        "http://127.0.0.1/#secret",
        "http://[::1",
    ],
)
def test_an_address_is_plain_or_none(url: str) -> None:
    with pytest.raises(Failed) as caught:
        ModelServer(url)
    assert caught.value.reason is Reason.BAD_CONFIGURATION
    assert caught.value.facts == {"setting": "ollama_url"}


def test_the_address_that_is_called_is_the_one_that_was_checked() -> None:
    endpoint = Endpoint.of("HTTP://LocalHost.:80/base/")
    assert endpoint.url == "http://localhost:80/base"
    assert Endpoint.of("https://[::1]").url == "https://[::1]:443"


def test_a_forbidden_model_is_never_asked() -> None:
    with OllamaServer("x:cloud") as server:
        with pytest.raises(Failed) as caught:
            ModelServer(server.url).ask("x:cloud", "What?", [b"picture"])
        assert caught.value.reason is Reason.MODEL_HOST_FORBIDDEN
        assert server.count == {}
