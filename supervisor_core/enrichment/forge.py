"""Has Stable Diffusion web UI Forge make a picture larger (`POST /sdapi/v1/extra-single-image`).

The request is Forge's `ExtrasSingleImageRequest` (modules/api/models.py): `resize_mode` 0 scales by
`upscaling_resize`, `upscaler_1` is one of its names, `image` a file in base64. The answer holds
`html_info` and `image`. Its upscalers cut both sides down to multiples of 8 (modules/upscaler.py),
so a picture that is up to 7 pixels smaller than asked for is what was asked for.

    nothing listens, no connection          FORGE_DOWN
    401, 403, 404, 405                      FORGE_NOT_READY   its API is off, or wants a password
    5xx                                     FORGE_FAILED      no memory, an unknown upscaler
    other 4xx, 422 too                      FORGE_REFUSED
    anything but a picture of that size     FORGE_BAD_ANSWER
    silence, too slow                       TIMEOUT
    broken off                              TRANSPORT_ERROR
"""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx

from supervisor_core.enrichment.larger import ForgeTerms
from supervisor_core.media.picture import Picture
from supervisor_core.media.stills import read_still
from supervisor_core.model.hosts import Endpoint, check_host
from supervisor_core.model.ollama import connected
from supervisor_core.model.transport import Limits
from supervisor_core.reasons import Failed, Reason

PATH = "/sdapi/v1/extra-single-image"
_EIGHTHS = 8
_CLOSED = (401, 403, 404, 405)
_WIRE = {
    Reason.OLLAMA_DOWN: Reason.FORGE_DOWN,
    Reason.OLLAMA_UNREACHABLE: Reason.FORGE_DOWN,
    Reason.NOT_AN_ANSWER: Reason.FORGE_BAD_ANSWER,
    Reason.ANSWER_TOO_LARGE: Reason.FORGE_BAD_ANSWER,
}


def make_larger(picture: Picture, scale: float, terms: ForgeTerms, folder: Path) -> Picture:
    """Has Forge make a picture larger; what came is decoded from a file in `folder`.

    Raises `Failed`: MODEL_HOST_FORBIDDEN, BAD_CONFIGURATION and those above.
    """
    endpoint = _endpoint(terms.url)
    check_host(endpoint, "", terms.hosts)
    content = cv2.imencode(".png", picture)[1].tobytes()
    asked = {
        "resize_mode": 0,
        "show_extras_results": True,
        "upscaling_resize": scale,
        "upscaler_1": terms.upscaler,
        "image": base64.b64encode(content).decode("ascii"),
    }
    limits = Limits(terms.connect_s, terms.read_s, terms.total_s, terms.answer_bytes)
    with _told(), connected(endpoint, limits) as web:
        answer = web.post(PATH, json=asked)
    return _picture(_image(answer), picture, scale, folder)


def _endpoint(url: str) -> Endpoint:
    try:
        return Endpoint.of(url)
    except Failed:
        raise Failed(Reason.BAD_CONFIGURATION, setting="forge_url") from None


def _image(answer: httpx.Response) -> bytes:
    """The file in an answer."""
    status = answer.status_code
    if status in _CLOSED:
        raise Failed(Reason.FORGE_NOT_READY, status=status)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise Failed(Reason.FORGE_FAILED, status=status)
    if status >= httpx.codes.BAD_REQUEST:
        raise Failed(Reason.FORGE_REFUSED, status=status)
    try:
        said = answer.json()["image"]
        return base64.b64decode(said.rpartition(",")[2], validate=True)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error):
        raise Failed(Reason.FORGE_BAD_ANSWER, status=status) from None


def _picture(content: bytes, original: Picture, scale: float, folder: Path) -> Picture:
    """The picture in a file that came over the wire, by the one door for files of strangers."""
    part = folder / "forge.part"
    part.write_bytes(content)
    try:
        made = read_still(part)
    except Failed as failed:
        raise Failed(Reason.FORGE_BAD_ANSWER, error=failed.reason.value) from None
    finally:
        part.unlink(missing_ok=True)
    sides = zip(made.shape[:2], original.shape[:2], strict=True)
    if not all(0 <= int(side * scale) - length < _EIGHTHS for length, side in sides):
        height, width = made.shape[:2]
        raise Failed(Reason.FORGE_BAD_ANSWER, width=width, height=height)
    return made


@contextmanager
def _told() -> Iterator[None]:
    """Turns the reasons of the model server's wire into those of Forge."""
    try:
        yield
    except Failed as failed:
        raise Failed(_WIRE.get(failed.reason, failed.reason), **failed.facts) from None
    except httpx.HTTPError:
        raise Failed(Reason.TRANSPORT_ERROR) from None
