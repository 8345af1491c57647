"""Where somebody goes after signing in: a place of ours, whatever the address says."""

from urllib.parse import quote, urlsplit

START = "/"
SIGN_IN = "/sign-in"
_LONGEST = 2000
_NOT_THERE = ("/sign-in", "/sign-out")


def local(text: str) -> str:
    """The path if it leads to a page of ours, else the start.

    Browsers take a backslash for a slash and leave out tabs and line breaks, so that `/\\host` and
    `/<tab>/host` lead elsewhere: nothing of the kind is a path here.
    """
    if not text.startswith("/") or text.startswith("//") or len(text) > _LONGEST:
        return START
    if "\\" in text or not text.isprintable() or " " in text:
        return START
    try:
        parts = urlsplit(text)
    except ValueError:
        return START
    if parts.scheme or parts.netloc or parts.path in _NOT_THERE:
        return START
    return text


def sign_in_for(text: str) -> str:
    """The sign-in that leads on to this path."""
    place = local(text)
    return SIGN_IN if place == START else f"{SIGN_IN}?next={quote(place, safe='')}"
