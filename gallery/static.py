"""Our own style sheet and scripts: by name from a list, under an address that changes with them."""

from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from gallery.errors import Refusal
from gallery.templating import STATIC

FILES = {
    "gallery.css": "text/css; charset=utf-8",
    "gallery.js": "text/javascript; charset=utf-8",
    "htmx-2.0.11.min.js": "text/javascript; charset=utf-8",
    "icons.svg": "image/svg+xml",
    "icon.svg": "image/svg+xml",
}
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


def show(request: Request) -> Response:
    """One of our files, whatever version the address names."""
    name = request.path_params["name"]
    if name not in FILES:
        raise Refusal(404)
    return Response(_content(name), media_type=FILES[name], headers=FOR_EVER)


@cache
def _content(name: str) -> bytes:
    return (STATIC / name).read_bytes()
