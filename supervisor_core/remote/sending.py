"""Sends a file to a storage; this runs where it can be killed, and without credentials.

Each part goes to an address that is signed for it and its checksum, so that nothing else can be
put there and the storage refuses what arrives damaged. Every wait has its limit.
"""

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import socket
from typing import cast
from urllib.parse import urlsplit

from supervisor_core.child import report_progress
from supervisor_core.media.files import open_regular
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.pace import Pace, PacedSocket
from supervisor_core.remote.transfer import CHUNK, may_pass, tries
from supervisor_core.remote.upload_order import Measured, UploadOrder, UploadPart
from supervisor_core.remote.web import connect, own_headers, refusal, target

_ANSWER_BYTES = 64 << 10
_CODE = re.compile(rb"<Code>(\w{1,64})</Code>")
_BY_CODE = {
    b"BadDigest": Reason.CHECKSUM_MISMATCH,
    b"InvalidDigest": Reason.CHECKSUM_MISMATCH,
    b"XAmzContentChecksumMismatch": Reason.CHECKSUM_MISMATCH,
    b"XAmzContentSHA256Mismatch": Reason.CHECKSUM_MISMATCH,
    b"NoSuchBucket": Reason.BAD_CONFIGURATION,
    b"NoSuchUpload": Reason.TRANSPORT_ERROR,
    b"OperationAborted": Reason.STORAGE_UNREACHABLE,
    b"RequestTimeout": Reason.STORAGE_UNREACHABLE,
    b"SlowDown": Reason.STORAGE_UNREACHABLE,
}
_BY_STATUS = {
    301: Reason.BAD_CONFIGURATION,
    307: Reason.BAD_CONFIGURATION,
    404: Reason.BAD_CONFIGURATION,
    409: Reason.STORAGE_UNREACHABLE,
}


def measure(source: Path, part_bytes: int) -> Measured:
    """Reads a file once and works out its checksums, whole and by parts.

    Raises `Failed`: FILE_NOT_FOUND, FILE_NOT_READABLE, NOT_A_FILE.
    """
    whole, size_bytes = hashlib.sha256(), 0
    parts: list[str] = []
    with os.fdopen(open_regular(source), "rb") as file:
        while True:
            part = hashlib.sha256()
            done = 0
            while piece := file.read(min(CHUNK, part_bytes - done)):
                whole.update(piece)
                part.update(piece)
                done += len(piece)
            size_bytes += done
            if done or not parts:
                parts.append(base64.b64encode(part.digest()).decode("ascii"))
            if done < part_bytes:
                return Measured(size_bytes, whole.hexdigest(), part_bytes, tuple(parts))


def send(order: UploadOrder) -> tuple[str, ...]:
    """Sends all parts in order and returns the storage's names (ETag) for them.

    Raises `Failed`: STORAGE_DENIED, STORAGE_UNREACHABLE, BAD_CONFIGURATION, CHECKSUM_MISMATCH,
    TRANSPORT_ERROR, TIMEOUT, HTTP_ERROR, FILE_CHANGED, and as `measure`.
    """
    pace = Pace(order.limits)
    total = sum(part.size_bytes for part in order.parts)
    names, done = [], 0
    with os.fdopen(open_regular(order.source), "rb", buffering=0) as file:
        for part in order.parts:
            names.append(_deliver(file.fileno(), part, pace))
            done += part.size_bytes
            report_progress(done, total)
    return tuple(names)


def _deliver(file: int, part: UploadPart, pace: Pace) -> str:
    """Sends one part, again where the connection broke."""
    for last in tries(pace.limits):
        try:
            return _put(file, part, pace)
        except Failed as failed:
            if last or not may_pass(failed):
                raise
    raise AssertionError


def _put(file: int, part: UploadPart, pace: Pace) -> str:
    address = urlsplit(part.url)
    paced = connect(address, None, pace)
    connection = HTTPConnection("-")
    connection.auto_open = 0  # it would connect by itself, to whatever address
    connection.sock = cast(socket, paced)
    try:
        connection.putrequest("PUT", target(address), skip_host=True, skip_accept_encoding=True)
        length = {"Content-Length": str(part.size_bytes)}
        for name, value in (own_headers(address) | dict(part.headers) | length).items():
            connection.putheader(name, value)
        connection.endheaders()
        whole = _pour(file, part, paced, pace)
        return _heard(connection, whole=whole)
    except (OSError, HTTPException, ValueError):
        raise Failed(Reason.TRANSPORT_ERROR, step="send") from None
    finally:
        paced.end()


def _pour(file: int, part: UploadPart, paced: PacedSocket, pace: Pace) -> bool:
    """Sends the bytes; false when the other side would take no more: it may have said why."""
    with suppress(OSError):
        for content in _contents(file, part):
            paced.sendall(content)
            pace.arrived(len(content))
        return True
    return False


def _contents(file: int, part: UploadPart) -> Iterator[bytes]:
    at, end = part.start, part.start + part.size_bytes
    while at < end:
        try:
            content = os.pread(file, min(CHUNK, end - at), at)
        except OSError as error:
            raise Failed(Reason.IO_ERROR, errno=error.errno or 0) from None
        if not content:
            raise Failed(Reason.FILE_CHANGED)
        yield content
        at += len(content)


def _heard(connection: HTTPConnection, *, whole: bool) -> str:
    """The ETag in the answer; raises `Failed` with what a refusal means."""
    with closing(connection.getresponse()) as answer:
        name = answer.headers.get("ETag")
        if answer.status != 200:
            raise _refusal(answer.status, answer.read(_ANSWER_BYTES))
    if not whole or not name:
        raise Failed(Reason.TRANSPORT_ERROR, step="answer")
    return name


def _refusal(status: int, body: bytes) -> Failed:
    code = _CODE.search(body)
    reason = (_BY_CODE.get(code[1]) if code else None) or _BY_STATUS.get(status)
    return Failed(reason, status=status) if reason else refusal(status, is_storage=True)
