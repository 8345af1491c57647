"""Files in ranges, as RFC 9110 (14.1, 14.2) wants them answered.

A range that can't be understood counts as if nobody had asked for one, in whatever unit it is; of
several those that the file has are sent, and only where it has none of them is that said (416).
"""

import re
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

_ONE = re.compile(r"([0-9]*)-([0-9]*)")
_MOST = 100  # ranges of one request; whoever wants more gets the file
_DIGITS = 18  # no file is as long as a number of more


class RangedFile(FileResponse):
    """A file; Starlette sends it, but it is told only of ranges that make sense."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        headers = MutableHeaders(raw=list(scope["headers"]))
        asked = headers.get("range")
        if asked is not None:
            del headers["range"]
            understood = usable(asked, Path(self.path).stat().st_size)
            if understood is not None:
                headers["range"] = understood
        await super().__call__({**scope, "headers": headers.raw}, receive, send)


def usable(asked: str, size_bytes: int) -> str | None:
    """The ranges of a file that are asked for, as plain as can be; None where none is meant."""
    unit, _, text = asked.partition("=")
    parts = [part.strip(" \t") for part in text.split(",")]
    parts = [part for part in parts if part]
    if unit.lower() != "bytes" or not 0 < len(parts) <= _MOST:
        return None
    wanted = []
    for part in parts:
        found = _ONE.fullmatch(part)
        if found is None or part == "-":
            return None
        first, last = (_number(digits) for digits in found.groups())
        if first is None:
            first, last = max(0, size_bytes - (last or 0)), None
        elif last is not None and last < first:
            return None
        if first < size_bytes:
            wanted.append(f"{first}-{'' if last is None else last}")
    return f"bytes={','.join(wanted)}" if wanted else f"bytes={size_bytes}-"


def _number(digits: str) -> int | None:
    """The number; one that is longer than any file counts as that long."""
    if not digits:
        return None
    plain = digits.lstrip("0") or "0"
    return int(plain) if len(plain) <= _DIGITS else 10**_DIGITS
