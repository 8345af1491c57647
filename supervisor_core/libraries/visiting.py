"""A visit to a file of a library, inside the worker's child: one reading, one decoding, no change.

A still is read into memory once; hash, decoding, small picture, fingerprint, EXIF and prompt all
come from there. Videos and DICOM files are hashed and probed where they lie.
"""

import hashlib
import os
import shutil
import time
from contextlib import ExitStack
from io import BytesIO
from pathlib import PurePosixPath

from supervisor_core.enrichment.prompts import prompt_in
from supervisor_core.enrichment.texts import texts_in
from supervisor_core.libraries.visit import Glimpse, Order
from supervisor_core.media.damage import damaged
from supervisor_core.media.files import PART_SUFFIX, open_regular, publish
from supervisor_core.media.hashing import sha256_of
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container, Kind, identify, identify_head
from supervisor_core.media.policy import check_policy, check_size
from supervisor_core.media.taking import open_folder
from supervisor_core.reasons import Failed, Reason

_HEAD_BYTES = 4096
_COPY_BYTES = 1 << 20


def open_inside(order: Order, stack: ExitStack) -> int:
    """The descriptor of the very file that a scan has seen, closed with the stack.

    Raises `Failed`: FILE_NOT_FOUND, NOT_A_FILE for what is reached by a link, FILE_NOT_READABLE,
    FILE_CHANGED for another size or time.
    """
    entry = order.root / order.path
    folder = open_folder(entry, order.root, stack)
    descriptor = open_regular(entry.name, folder)
    stack.callback(os.close, descriptor)
    check_unchanged(descriptor, order)
    return descriptor


def check_unchanged(descriptor: int, order: Order) -> None:
    """Raises `Failed(FILE_CHANGED)` unless the file is as it was seen."""
    status = os.fstat(descriptor)
    if (status.st_size, status.st_mtime_ns) != (order.size_bytes, order.mtime_ns):
        raise Failed(Reason.FILE_CHANGED)


def visit(order: Order) -> tuple[str, MediaInfo, Glimpse | None]:
    """The hash, the facts, and of a still all that one look at it can tell.

    Raises `Failed` as `open_inside` does, and with what is wrong with the file.
    """
    started_s = time.monotonic()
    name = PurePosixPath(order.path).name
    with ExitStack() as stack:
        descriptor = open_inside(order, stack)
        check_size(order.size_bytes, order.profile)
        container = identify_head(os.pread(descriptor, _HEAD_BYTES, 0), name)
        if container.kind is not Kind.STILL:
            return *_examined(order, descriptor, name), None
        content = _read(descriptor, order.size_bytes)
        check_unchanged(descriptor, order)
    return _looked_at(order, container, content, started_s)


def copy(order: Order) -> None:
    """Copies the file to the place of its small picture, with its time; raises as `open_inside`."""
    part = order.small.with_name(order.small.name + PART_SUFFIX)
    with ExitStack() as stack:
        descriptor = open_inside(order, stack)
        with os.fdopen(os.dup(descriptor), "rb") as source, part.open("wb") as target:
            shutil.copyfileobj(source, target, _COPY_BYTES)
            target.flush()
            os.utime(target.fileno(), ns=(order.mtime_ns, order.mtime_ns))
            os.fsync(target.fileno())
        check_unchanged(descriptor, order)
    publish(part, order.small)


def _examined(order: Order, descriptor: int, name: str) -> tuple[str, MediaInfo]:
    """Hash and facts of what is not read into memory; its name must stay that of the same file."""
    from supervisor_core.media.probe import probe

    path = order.root / order.path
    info = probe(path, name)
    check_policy(info, order.profile)
    digest = sha256_of(path)
    same = os.path.samestat(os.fstat(descriptor), path.lstat())
    if not same or identify(path, name) is not info.container:
        raise Failed(Reason.FILE_CHANGED)
    check_unchanged(descriptor, order)
    return digest, info


def _read(descriptor: int, size_bytes: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb", buffering=0) as file:
        content = file.readall() or b""
    if len(content) != size_bytes:
        raise Failed(Reason.FILE_CHANGED)
    return content


def _looked_at(
    order: Order, container: Container, content: bytes, started_s: float
) -> tuple[str, MediaInfo, Glimpse]:
    from supervisor_core.enrichment.pdq import fingerprint_of
    from supervisor_core.libraries.exif import exif_of
    from supervisor_core.media.shrinking import shrink
    from supervisor_core.media.stills import facts_of, opened_still

    with opened_still(BytesIO(content), container) as image:
        with damaged(Reason.FRAME_EXTRACTION_FAILED):
            image.load()
        info = facts_of(image, container, len(content))
        check_policy(info, order.profile)
        digest = hashlib.sha256(content).hexdigest()
        seconds = time.monotonic() - started_s
        exif = exif_of(image)
        with damaged(Reason.DECODE_FAILED):
            picture = shrink(image, order.side)
    found = fingerprint_of(picture.luma)
    picture.write(order.small, order.side)
    texts = texts_in(content)
    glimpse = Glimpse(
        hashes=found.hash,
        mirror=found.mirror,
        quality=found.quality,
        exif=exif,
        prompt=prompt_in(texts).prompt,
        keywords=texts.keywords,
        stars=texts.stars,
        seconds=seconds,
    )
    return digest, info, glimpse
