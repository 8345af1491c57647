"""A store drawn by chance, and the plain reference of what its lists must be."""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gallery_states import C, Item, R, V, enter, expected_state, made, sha
from pipeline_parts import House as Works
from store_builders import NOON

from gallery.listing.filters import FACETS, NAMED, Wanted
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.store.database import Connection

CASES = [
    *[(C.FRAME_LEVEL, V.VERIFIED, review, "proven") for review in R for _ in range(4)],
    *[(C.ROI_MASK, V.VERIFIED, R.NONE, "proven")] * 3,
    *[(C.NOT_REQUIRED, V.NONE, review, "none") for review in (R.NONE, R.NONE, R.HELD)],
    (C.WAITING, V.NONE, R.NONE, "none"),
    (C.RUNNING, V.NONE, R.NONE, "former"),
    (C.RAW_ASIDE, V.NONE, R.NONE, "none"),
    (C.RAW_ASIDE, V.RESIDUAL, R.HELD, "former"),
    (C.FRAME_LEVEL, V.RESIDUAL, R.NONE, "unverified"),
    (C.FRAME_LEVEL, V.VERIFIED, R.NONE, "thrown"),
]
CONTAINERS = (Container.PNG, Container.PNG, Container.MP4, Container.DICOM)
TAGS = ("harbour", "sea", "Éclair", "ÄÖÜ", "place:Kiel", "a,b&c=d", "<b>", "100%", "x y")
COLLECTIONS = ("Teaching", "Ärzte & Co", "2026?")
WORDS = ("Harbour", "SEA", "straße", "STRASSE", "İzmir", "Éclair", "日本", "a_b", "%", "'quoted'")
DAYS = 5  # intakes, one a day; everything of an intake came at the same moment


@dataclass
class Row:
    """One line of a list, drawn; all that is asked of lists can be told from it."""

    id: str
    media: str | None
    source: str
    seen: datetime
    intake: str
    state: str = "failed"
    kind: str = "unknown"
    shown: bool = False
    seconds: float = 0.0
    size: int = 10
    check: str = "none"
    stars: int | None = None
    looks: int = 0
    tags: set[str] = field(default_factory=set)
    collections: set[str] = field(default_factory=set)
    words: Sequence[str] = ()
    gaps: bool = False
    alike: bool = False

    def values(self, facet: str) -> list[str]:
        plain: dict[str, str] = {
            "state": self.state,
            "kind": self.kind,
            "source": self.source,
            "month": f"{self.seen:%Y-%m}",
            "stars": "none" if self.stars is None else str(self.stars),
            "check": self.check,
            "gaps": "yes" if self.gaps else "no",
            "alike": "yes" if self.alike else "no",
        }
        if facet == "tag":
            return sorted(self.tags) if self.shown else []
        if facet == "collection":
            return sorted(self.collections)
        return [plain[facet]]

    @property
    def text(self) -> str:
        """What is searched."""
        said = [*self.words, *self.tags, *self.collections] if self.shown else []
        return "\n".join([*said, self.media or "", self.intake]).lower()

    def matches(self, wanted: Wanted, but: str = "") -> bool:
        for facet in FACETS:
            chosen = wanted.chosen(facet.name)
            if not chosen or facet.name == but:
                continue
            has = self.values(facet.name)
            found = [value in has for value in chosen]
            if not (all(found) if facet.many else any(found)):
                return False
        day = f"{self.seen:%Y-%m-%d}"
        inside = (wanted.since or day) <= day <= (wanted.until or day)
        return inside and all(word in self.text for word in plain_words(wanted.text))


def plain_words(text: str) -> list[str]:
    """Words to look for; what only Python lowers in its own way is not drawn (see the test)."""
    return [word.lower() for word in text.split()[:8]]


KEYS: Mapping[str, Any] = {
    "newest": lambda row: 0,
    "longest": lambda row: -row.seconds,
    "largest": lambda row: -row.size,
    "rating": lambda row: -(-1 if row.stars is None else row.stars),
    "unseen": lambda row: row.looks,
}


def in_order(rows: Sequence[Row], sort: str) -> list[Row]:
    """The newest first, of one moment by their ids; then as is wanted, what is equal stays so."""
    known = sorted(rows, key=lambda row: (-row.seen.timestamp(), row.id))
    return known[::-1] if sort == "oldest" else sorted(known, key=KEYS[sort])


def expected(rows: Sequence[Row], wanted: Wanted) -> list[Row]:
    return in_order([row for row in rows if row.matches(wanted)], wanted.sort)


def expected_counts(rows: Sequence[Row], wanted: Wanted, name: str) -> dict[str, int]:
    but = "" if NAMED[name].many else name
    found = Counter(value for row in rows if row.matches(wanted, but) for value in row.values(name))
    return found | {value: found.get(value, 0) for value in wanted.chosen(name)}


def draw(works: Works, size: int, seed: int) -> list[Row]:
    """Items of all sorts, and what people, models and files have said of them."""
    chance = random.Random(seed)
    rows: list[Row] = []
    with works.store.write() as connection:
        for day in range(DAYS):
            rows += _intake(connection, chance, day, size // DAYS)
        _say(connection, chance, rows)
    return rows


def _intake(connection: Connection, chance: random.Random, day: int, size: int) -> list[Row]:
    seen = NOON - timedelta(days=11 * day, seconds=day)
    intake, source = f"2026{seen:%m%d}_{'ABCDE'[day] * 10}", ("inbox", "archive")[day % 2]
    items = []
    for number in range(size):
        case = chance.choice(CASES)
        item = made(f"{day}/{number}", *case)
        container = chance.choice(CONTAINERS)
        seconds = chance.choice([3.0, 61.5, 4000.0]) if container is Container.MP4 else None
        length = chance.choice([10, 10, 500, 10**9])
        info = MediaInfo(container, "x", 64, 48, length, frames=1, seconds=seconds)
        items.append(Item(item.name, replace(item.media, info=info), item.outputs))
    enter(connection, items, intake=intake, source=source, seen=seen, refused=["FILE_EMPTY"] * 3)
    rows = [_row(one, intake, source, seen) for one in items]
    names = [f"{intake}-{size + number:03d}" for number in range(3)]
    return rows + [Row(name, None, source, seen, intake) for name in names]


def _row(item: Item, intake: str, source: str, seen: datetime) -> Row:
    media = item.media
    kind = item.outputs[0] if item.outputs else None
    proven = kind is not None and kind.current and kind.path is not None and kind.verified_at
    case = (media.cleaning, media.verification, media.review, "proven" if proven else "none")
    state = expected_state(*case)
    may_be = bool(proven) and state not in ("cleaning", "failed")
    shown = media.cleaning is C.NOT_REQUIRED or may_be
    check = media.verification.value
    if media.verification is V.VERIFIED and not proven:
        check = "none"
    return Row(
        item.id, media.media, source, seen, intake, state, media.info.kind.value, shown,
        media.info.seconds or 0.0, media.info.size_bytes, check,
    )  # fmt: skip


def _say(connection: Connection, chance: random.Random, rows: Sequence[Row]) -> None:
    said_of: dict[str, list[tuple[object, ...]]] = {}

    def put(table: str, *values: object) -> None:
        said_of.setdefault(table, []).append(values)

    media = [row for row in rows if row.media is not None]
    for row in media:
        for tag in chance.sample(TAGS, chance.choice([0, 0, 1, 3])):
            namespace, _, name = tag.rpartition(":")
            put("tag", row.media, namespace, name, "file", None, False, NOON)
            row.tags.add(tag)
        for name in chance.sample(COLLECTIONS, chance.choice([0, 0, 1, 2])):
            put("collection_member", row.media, name, "human", NOON)
            row.collections.add(name)
        if chance.random() < 0.4:
            row.stars = chance.randrange(6)
            put("rating", row.media, row.stars, "human", True, NOON)
            if chance.random() < 0.5:
                put("rating", row.media, 5 - row.stars, "file", False, NOON)
        said = chance.sample(WORDS, 3)
        if chance.random() < 0.5:
            for name, word in zip(("title", "caption"), said, strict=False):
                text = f'"{word} here"'
                put("field", row.media, name, text, "human", True, "gallery:x", NOON)
            row.words = [f"{word} here" for word in said[:2]]
        for number in range(chance.choice([0, 0, 1, 2])):
            times = chance.randrange(1, 4)
            put("look", row.media, sha("any"), f"who {number}", False, times, NOON, NOON)
            row.looks += times
    for row in chance.sample(media, 12):
        of = row.media if chance.random() < 0.5 else sha("a former one")
        put("integrity", row.media, of, False, "DECODE_FAILED", 1, 0.1, "1", NOON)
        if of == row.media:
            row.check = "damaged"
    for _ in range(10):
        one, other = chance.sample(media, 2)
        pair = (one.media, sha("a"), other.media, sha("b"), "still", 9.0, False, None, None, True)
        put("near_pair", *pair, NOON)
        one.alike = other.alike = True
    intake = media[0].intake
    put("gap", intake, NOON, NOON + timedelta(seconds=5), "SOURCE_STALLED", 5.0)
    for row in rows:
        row.gaps = row.intake == intake
    again = chance.choice(media)
    put("arrival", intake, 900, sha("again"), "duplicate", None, again.media, 10, 1, NOON, NOON)
    again.alike = True
    for table, lines in said_of.items():
        marks = ", ".join(f"({', '.join('?' for _ in line)})" for line in lines)
        given_ = [value for line in lines for value in line]
        connection.execute(f"INSERT INTO {table} VALUES {marks}", given_)


def ids_on(text: str) -> list[str]:
    return re.findall(r'class="tile-link" id="i-([^"]+)"', text)
