"""What every answer says to the browser: load nothing from elsewhere, tell nobody, keep nothing.

`Referrer-Policy` is `same-origin`: with `no-referrer` browsers send forms with the origin "null".
"""

from starlette.datastructures import MutableHeaders
from starlette.types import Message

_POLICY = {
    "default-src": "'none'",
    "img-src": "'self'",
    "media-src": "'self'",
    "style-src": "'self'",
    "script-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
_DENIED = (
    "accelerometer camera display-capture geolocation gyroscope hid magnetometer microphone midi"
    " payment serial usb screen-wake-lock publickey-credentials-get"
)
STRICT = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _DENIED.split()),
}


def harden(message: Message) -> None:
    """Puts the headers on the start of an answer; only `Cache-Control` may be a page's own."""
    headers = MutableHeaders(scope=message)
    for name, value in STRICT.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")
