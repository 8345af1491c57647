"""A home with an item in each state, and files that say of themselves which they are.

All of it is written by the store's own functions; the files are real pictures, the raw ones red and
the cleaned ones blue, with a mark behind their end by which their bytes are known wherever they go.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from pipeline_parts import House
from store_builders import NOON, output

from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.pipeline import places
from supervisor_core.reasons import Reason
from supervisor_core.states import Cleaning, Review, Verification
from supervisor_core.store import media as media_table
from supervisor_core.store import outputs
from supervisor_core.store.database import Connection
from supervisor_core.store.media import Media
from supervisor_core.store.outputs import Output
from supervisor_core.store.rows import insert

INTAKE = "20260504_AAAAAAAAAA"
RED, BLUE = (40, 40, 220), (220, 40, 40)
SECRET = b"MARK-SECRET-"  # of raw, aside and refused files, and of what was not proven
CLEAN, FORMER, OPEN = b"MARK-CLEAN-", b"MARK-FORMER-", b"MARK-OPEN-"
LEVELS = (Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK)
_INTAKE = dict.fromkeys(("intake", "source", "profile", "device", "kind"), "VARCHAR")
_ARRIVAL = dict.fromkeys(("intake", "fingerprint", "state", "reason", "media"), "VARCHAR")
_ARRIVAL |= {"ordinal": "INTEGER", "size_bytes": "BIGINT", "mtime_ns": "BIGINT"}
_MOMENTS = {"first_seen": "TIMESTAMPTZ", "updated": "TIMESTAMPTZ"}

C, V, R = Cleaning, Verification, Review
STATES = {
    "waiting": (C.WAITING, V.NONE, R.NONE, "none"),
    "again": (C.RUNNING, V.NONE, R.NONE, "former"),
    "aside": (C.RAW_ASIDE, V.NONE, R.NONE, "none"),
    "aside held": (C.RAW_ASIDE, V.NONE, R.HELD, "none"),
    "residual aside": (C.RAW_ASIDE, V.RESIDUAL, R.NONE, "former"),
    "unverified": (C.FRAME_LEVEL, V.NONE, R.NONE, "unverified"),
    "residual": (C.FRAME_LEVEL, V.RESIDUAL, R.NONE, "unverified"),
    "timeout": (C.ROI_MASK, V.TIMEOUT, R.NONE, "unverified"),
    "thrown": (C.FRAME_LEVEL, V.VERIFIED, R.NONE, "thrown"),
    "verified": (C.FRAME_LEVEL, V.VERIFIED, R.NONE, "proven"),
    "changed": (C.ROI_MASK, V.VERIFIED, R.NONE, "proven, former"),
    "held": (C.FRAME_LEVEL, V.VERIFIED, R.HELD, "proven"),
    "rejected": (C.FRAME_LEVEL, V.VERIFIED, R.REJECTED, "proven"),
    "released": (C.FRAME_LEVEL, V.VERIFIED, R.RELEASED, "proven"),
    "open": (C.NOT_REQUIRED, V.NONE, R.NONE, "none"),
}
SHOWN = ("verified", "changed", "held", "rejected", "released", "open")
KINDS = ("none", "former", "other level", "unverified", "thrown", "proven", "proven, former")


def expected_state(cleaning: C, verification: V, review: R, kind: str) -> str:
    """As docs say it: what is not clean first, then what a person has decided."""
    reviewed = {R.HELD: "held", R.RELEASED: "released", R.REJECTED: "rejected"}
    match cleaning:
        case C.RAW_ASIDE:
            return "raw"
        case C.WAITING | C.RUNNING:
            return "cleaning"
        case C.NOT_REQUIRED:
            return reviewed.get(review, "not_required")
    match verification:
        case V.RESIDUAL | V.TIMEOUT:
            return "failed"
        case V.VERIFIED if kind.startswith("proven"):
            return reviewed.get(review, "needs_review")
    return "cleaning"


@dataclass
class Item:
    """One media with its outputs, the cleaned one first."""

    name: str
    media: Media
    outputs: list[Output] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.media.media[:16]

    @property
    def file(self) -> str:
        """The hash of the file that stands for it."""
        if self.media.cleaning is C.NOT_REQUIRED:
            return self.media.media
        return self.outputs[0].sha256

    @property
    def former(self) -> str:
        return self.outputs[-1].sha256


def sha(content: bytes | str) -> str:
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()


def made(
    name: str, cleaning: C, verification: V, review: R, kind: str, content: bytes | None = None
) -> Item:
    """An item in these states with outputs of this kind, with no files yet."""
    key = MediaKey(sha(content if content is not None else name))
    info = MediaInfo(Container.PNG, "png", 64, 48, size_bytes=len(content or b""), frames=1)
    tree = "aside" if cleaning is C.RAW_ASIDE else "raw"
    raw_path = f"{tree}/{key[:2]}/{key}.png"
    media = Media(key, info, raw_path, cleaning, None, verification, review)
    return Item(name, media, [_output(media, one) for one in kind.split(", ") if one != "none"])


def _output(media: Media, kind: str) -> Output:
    own = media.cleaning if media.cleaning in LEVELS else C.FRAME_LEVEL
    other = C.ROI_MASK if own is C.FRAME_LEVEL else C.FRAME_LEVEL
    sha256 = sha(cleaned_bytes(f"{kind} {media.media}", FORMER if kind == "former" else CLEAN))
    if kind == "unverified":
        sha256 = sha(cleaned_bytes(f"{kind} {media.media}", SECRET))
    tree = "work/f" if kind == "unverified" else f"cleaned/{sha256[:2]}"
    return output(
        media,
        level=other if kind == "other level" else own,
        sha256=sha256,
        path=None if kind == "thrown" else f"{tree}/{sha256}.png",
        verified_at=None if kind == "unverified" else NOON,
        verified_frames=None if kind == "unverified" else 1,
        current=kind != "former",
    )


@cache
def _png(colour: tuple[int, int, int]) -> bytes:
    pixels = np.full((48, 64, 3), colour, np.uint8)
    return bytes(cv2.imencode(".png", pixels)[1].tobytes())


def raw_bytes(name: str, mark: bytes = SECRET) -> bytes:
    return _png(RED) + mark + name.encode()


def cleaned_bytes(name: str, mark: bytes = CLEAN) -> bytes:
    return _png(BLUE) + mark + name.encode()


def enter(
    connection: Connection,
    items: Sequence[Item],
    *,
    intake: str = INTAKE,
    source: str = "inbox",
    profile: str = "upload",
    seen: datetime = NOON,
    refused: Iterable[str] = (),
) -> None:
    """Writes items as the files of one intake, and after them those that were refused (reasons)."""
    common = {"source": source, "profile": profile, "device": None, "kind": "stills"}
    whole = {"intake": intake, "first_seen": seen, **common}
    insert(connection, "intake", _INTAKE | {"first_seen": "TIMESTAMPTZ"}, [whole])
    media_table.add(connection, [one.media for one in items], seen)
    outputs.save(connection, [one for item in items for one in reversed(item.outputs)])
    rows: list[tuple[str, str | None, str | None]] = [
        *(("imported", None, one.media.media) for one in items),
        *(("refused", reason, None) for reason in refused),
    ]
    insert(
        connection,
        "arrival",
        _ARRIVAL | _MOMENTS,
        [
            {"intake": intake, "ordinal": number, "fingerprint": sha(f"{intake}/{number}")}
            | {"state": state, "reason": reason, "media": media, "size_bytes": 10, "mtime_ns": 1}
            | {"first_seen": seen, "updated": seen}
            for number, (state, reason, media) in enumerate(rows)
        ],
    )


def lay(home: Home, item: Item) -> None:
    """Puts the files of an item where its rows say, and small pictures beside whatever is clean."""
    mark = OPEN if item.media.cleaning is C.NOT_REQUIRED else SECRET
    _write(home.absolute(item.media.raw_path), raw_bytes(item.name, mark))
    for one in item.outputs:
        if one.path is not None:
            kind = "former" if not one.current else "unverified" if not one.verified_at else ""
            mark = {"former": FORMER, "unverified": SECRET}.get(kind, CLEAN)
            word = kind or ("other level" if one.level is not item.media.cleaning else "proven")
            _write(home.absolute(one.path), cleaned_bytes(f"{word} {item.media.media}", mark))
    hashes = [one.sha256 for one in item.outputs if one.verified_at]
    for sha256 in [*hashes, *([item.media.media] if mark == OPEN else [])]:
        _write(places.thumbnail(home, sha256), cleaned_bytes(f"small {sha256}"))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def furnished(folder: Path) -> tuple[House, dict[str, Item]]:
    """A house with an item in each state, their files, and one that was refused."""
    house = House(folder)
    items = {}
    for name, states in STATES.items():
        mark = OPEN if states[0] is C.NOT_REQUIRED else SECRET
        items[name] = made(name, *states, content=raw_bytes(name, mark))
        lay(house.home, items[name])
    reasons = {"aside": "DECODE_FAILED", "residual": "RESIDUAL_TEXT", "timeout": "TIMEOUT"}
    rows = [failed_with(one, reasons.get(name)) for name, one in items.items()]
    with house.store.write() as connection:
        enter(connection, rows, refused=["FILE_EMPTY"])
    _write(places.refused(house.home, IntakeKey(INTAKE), len(rows)), raw_bytes("refused"))
    return house, items


def failed_with(item: Item, code: str | None) -> Item:
    """The item with why its last level did not succeed."""
    reason = Reason[code] if code else None
    return replace(item, media=replace(item.media, reason=reason))
