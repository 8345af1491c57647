"""Lists against a plain reference: what fits, how many of what, in which order, on which page."""

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html import unescape
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from gallery_parts import Browser
from gallery_states import C, Item, R, V, enter, expected_state, made, sha
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_parts import House as Works
from queue_parts import Pages, Role
from store_builders import NOON

from gallery.listing import reading
from gallery.listing.filters import FACETS, NAMED, ORDERS, PAGE_SIZE, Wanted
from gallery.listing.listing import Listing
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.states import Review
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import fetch

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


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pages, list[Row]]]:
    works = Works(tmp_path_factory.mktemp("lists"))
    rows = draw(works, 300, 7)
    pages = Pages.over(works)
    yield pages, rows
    pages.close()


@pytest.fixture(scope="module")
def person(drawn: tuple[Pages, list[Row]]) -> Browser:
    return drawn[0].person(Role.REVIEWER)


VALUES = {
    "state": st.sampled_from(["needs_review", "held", "released", "raw", "failed", "cleaning"]),
    "kind": st.sampled_from(["video", "still", "dicom", "unknown"]),
    "source": st.sampled_from(["inbox", "archive", "nowhere"]),
    "month": st.sampled_from(["2026-05", "2026-04", "2026-03", "1999-01"]),
    "tag": st.sampled_from(TAGS),
    "collection": st.sampled_from(COLLECTIONS),
    "stars": st.sampled_from(["none", "0", "3", "5"]),
    "check": st.sampled_from(["verified", "residual", "none", "damaged"]),
    "gaps": st.sampled_from(["yes", "no"]),
    "alike": st.sampled_from(["yes", "no"]),
}
PAIRS = st.lists(
    st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name])),
    max_size=3,
)
PLAIN = st.fixed_dictionaries(
    {"sort": st.sampled_from(sorted(ORDERS)), "page": st.integers(1, 6).map(str)},
    optional={
        "q": st.sampled_from(
            [
                *("harbour", "HARBOUR sea", "éclair", "ÉCLAIR", "here", "日本", "%", "_", "x y"),
                *("2026050", "abc", "straße", "quoted", "place:kiel", "teaching", "\\", "a_b"),
                "' OR 1=1 --",
            ]
        ),
        "since": st.sampled_from(["2026-04-01", "2026-04-23", "2027-01-01"]),
        "until": st.sampled_from(["2026-05-04", "2026-04-01", "2020-02-29"]),
    },
)


@settings(max_examples=15)
@given(pairs=PAIRS, plain=PLAIN)
def test_a_list_is_what_a_plain_look_at_every_row_gives(
    drawn: tuple[Pages, list[Row]], pairs: list[tuple[str, str]], plain: dict[str, str]
) -> None:
    compare(*drawn, pairs, plain)


@pytest.mark.campaign
@settings(max_examples=300)
@given(pairs=PAIRS, plain=PLAIN)
def test_many_lists_are_what_a_plain_look_at_every_row_gives(
    drawn: tuple[Pages, list[Row]], pairs: list[tuple[str, str]], plain: dict[str, str]
) -> None:
    compare(*drawn, pairs, plain)


def compare(
    pages: Pages, rows: list[Row], pairs: list[tuple[str, str]], plain: dict[str, str]
) -> None:
    """All that is told of a list, against the rows."""
    wanted = Wanted.of([*pairs, *plain.items()])
    fits = expected(rows, wanted)
    with pages.house.snapshots.reading() as connection:
        listing = Listing(connection, wanted)
        assert listing.total == len(fits)
        for page in range(1, ceil(len(fits) / PAGE_SIZE) + 2):
            part = fits[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
            assert [row["id"] for row in listing.page(page)] == [row.id for row in part]
        assert listing.media(10_000) == [row.media for row in fits if row.media]
        for shelf in listing.shelves():
            name = shelf.facet.name
            counts = expected_counts(rows, wanted, name)
            told = {choice.value: choice.count for choice in shelf.choices}
            assert len(told) == len(shelf.choices) == min(len(counts), shelf.facet.shown)
            assert told == {value: counts[value] for value in told}, name
            chosen = {choice.value for choice in shelf.choices if choice.on}
            assert chosen == set(wanted.chosen(name))
            left = [count for value, count in counts.items() if value not in told]
            if left and name not in ("month", "stars"):
                assert max(left) <= min(count for value, count in told.items())
        for place in {0, 1, 59, 60, len(fits) // 2, len(fits) - 1} & set(range(len(fits))):
            item = reading.find(connection, fits[place].id)
            assert item is not None
            before = fits[place - 1].id if place else None
            after = fits[place + 1].id if place + 1 < len(fits) else None
            assert reading.beside(connection, wanted, item) == (before, after)


def test_who_left_a_list_still_finds_its_neighbours(drawn: tuple[Pages, list[Row]]) -> None:
    pages, rows = drawn
    with pages.house.snapshots.reading() as connection:
        for sort in ORDERS:
            wanted = Wanted.of([("state", "needs_review"), ("sort", sort)])
            everything, listed = in_order(rows, sort), expected(rows, wanted)
            for row in everything[::47]:
                place = everything.index(row)
                before = [one.id for one in everything[:place] if one in listed]
                after = [one.id for one in everything[place + 1 :] if one in listed]
                item = reading.find(connection, row.id)
                assert item is not None
                found = reading.beside(connection, wanted, item)
                assert found == (before[-1] if before else None, after[0] if after else None)


def ids_on(text: str) -> list[str]:
    return re.findall(r'class="tile-link" id="i-([^"]+)"', text)


def test_the_page_shows_the_list_of_its_address(
    drawn: tuple[Pages, list[Row]], person: Browser
) -> None:
    _, rows = drawn
    for query in (
        "",
        "page=2",
        "page=6",
        "page=99999999",
        "state=held&state=released&sort=largest",
        "tag=sea&tag=harbour",
        "tag=a%2Cb%26c%3Dd",
        "tag=%3Cb%3E",
        "collection=%C3%84rzte+%26+Co&sort=unseen",
        "q=harbour&since=2026-04-01",
        "stars=none&kind=video&sort=longest",
        "tag=no+such",
        "q=" + rows[0].id,
    ):
        answer = person.get(f"/items?{query}")
        assert answer.status_code == 200
        wanted = Wanted.of(parse_qsl(query))
        fits = expected(rows, wanted)
        pages = max(1, ceil(len(fits) / PAGE_SIZE))
        page = min(wanted.page, pages)
        shown = [row.id for row in fits[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]]
        assert ids_on(answer.text) == shown, query
        assert f"<strong>{len(fits)} item" in answer.text
        assert ("Page " in answer.text) == (pages > 1)
        chips = [
            unescape(one) for one in re.findall(r'class="chip" href="/items\?([^"]*)"', answer.text)
        ]
        assert len(chips) == len(set(wanted.values)) + bool(wanted.text) + bool(wanted.since)
        for chip in chips:  # each takes one thing away and nothing else
            left = Wanted.of(parse_qsl(chip))
            assert set(left.pairs()) < set(wanted.at(1).pairs())
            assert len(set(left.pairs())) == len(set(wanted.at(1).pairs())) - 1
        for link in re.findall(r'<li><a href="/items\?([^"]*)"', answer.text)[::29]:
            assert person.get(f"/items?{unescape(link)}").status_code == 200


def anonymous(text: str) -> str:
    """A page without what is of its reader and its moment."""
    text = re.sub(r'(name="csrf_token" value|data-csrf)="[0-9a-f]+"', "", text)
    text = re.sub(r"<span data-age>[^<]*</span>", "", text)
    return re.sub(r"(viewer|reviewer|admin)-[0-9a-f]+", "", text)


def test_what_is_in_the_address_is_all_there_is(
    drawn: tuple[Pages, list[Row]], person: Browser
) -> None:
    pages, rows = drawn
    other = pages.person(Role.REVIEWER)
    assert other.get("/items?state=raw&sort=oldest&page=2").status_code == 200
    for query in ("", "state=held&q=here", "page=3&sort=rating", "tag=sea&tag=sea&tag=sea"):
        first, second = person.get(f"/items?{query}"), other.get(f"/items?{query}")
        assert anonymous(first.text) == anonymous(second.text)
    for query in ("state=held&q=here&page=2", "tag=a%2Cb%26c%3Dd&since=2026-01-01&sort=rating"):
        wanted = Wanted.of(parse_qsl(query))
        assert Wanted.of(parse_qsl(wanted.query)) == wanted
        item = rows[5].id
        page = person.get(f"/items/{item}?{urlencode({'list': query})}").text
        back = re.search(r'id="back" href="/items\?([^"#]*)#i-', page)
        assert back is not None
        assert Wanted.of(parse_qsl(unescape(back[1]))) == wanted


NONSENSE = st.text(st.characters(codec="utf-8"), max_size=30)
NAMES = st.sampled_from([*NAMED, "q", "since", "until", "sort", "page", "size", "at", "list", ""])


@settings(max_examples=8)
@given(pairs=st.lists(st.tuples(NAMES, NONSENSE), max_size=5), raw=st.binary(max_size=20))
def test_nonsense_in_an_address_is_no_error(
    drawn: tuple[Pages, list[Row]], person: Browser, pairs: list[tuple[str, str]], raw: bytes
) -> None:
    _, rows = drawn
    query = urlencode(pairs)
    assert person.get(f"/items?{query}").status_code == 200
    nested = urlencode({"list": query, "at": pairs[0][1] if pairs else "x"})
    assert person.get(f"/items/{rows[0].id}?{nested}").status_code == 200
    odd = raw.decode("latin-1").replace("#", "").replace("?", "")
    wild = Wanted.of(parse_qsl(odd))
    assert Wanted.of(parse_qsl(wild.query)) == wild


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=1e9",
        "page=%D9%A3",
        "page=" + "9" * 190,
        "since=2026-02-30",
        "since=0001-01-01&until=9999-12-31",
        "since=2026-W01-1",
        "since=20260101",
        "until=-1",
        "q=%00",
        "q=" + "a+" * 90,
        "q=" + "%F0%9F%8E%88" * 20,
        "sort=rowid",
        "sort=newest;drop",
        "state=%00",
        "tag=" + "x" * 5000,
        "&".join(f"tag=t{number}" for number in range(300)),
        "&".join(f"state=t{number}" for number in range(300)),
        "%FF=%FE&q=%C3%28",
        "&&&===",
        "state[]=held&state.x=1",
    ],
)
def test_odd_addresses_bring_a_list(person: Browser, query: str) -> None:
    answer = person.get(f"/items?{query}")
    assert answer.status_code == 200
    assert "<h1" in answer.text
    told = person.get(f"/api/items?{query}")
    assert told.status_code in (200, 400)


def test_words_are_found_in_whatever_letters_they_are_written(
    drawn: tuple[Pages, list[Row]],
) -> None:
    pages, rows = drawn
    for word, written in (
        ("harbour", "Harbour"),
        ("STRASSE", "STRASSE"),
        ("İzmir", "İzmir"),
        ("éCLAIR", "Éclair"),
        ("日本", "日本"),
        ("Straße", "straße"),
    ):
        with pages.house.snapshots.reading() as connection:
            found = set(Listing(connection, Wanted.of([("q", word)])).media(10_000))
        said = {row.media: [*row.words, *row.tags] for row in rows if row.shown}
        known = {
            media
            for media, words in said.items()
            if any(written.lower() in one.lower() for one in words)
        }
        assert known
        assert known == found, word


@pytest.fixture
def many(tmp_path: Path) -> Iterator[tuple[Pages, list[Row], Browser]]:
    works = Works(tmp_path)
    rows = draw(works, 90, 11)
    pages = Pages.over(works)
    yield pages, rows, pages.person(Role.REVIEWER)
    pages.close()


def fields_of(text: str) -> dict[str, Any]:
    """The fields of the form that asks whether it is meant."""
    form = text[text.index('action="/items/bulk/do"') :]
    pairs = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    found: dict[str, Any] = {"item": []}
    for name, value in pairs:
        if name == "item":
            found["item"].append(value)
        else:
            found[name] = unescape(value)
    return found


def ask(browser: Browser, action: str, scope: str, query: str = "", *items: str) -> Any:
    form = {"action": action, "scope": scope, "list": query, "item": list(items)}
    return browser.send_form("/items/bulk", form)


def rows_of(pages: Pages, sql: str) -> list[dict[str, Any]]:
    with pages.works.store.read() as connection:
        return fetch(connection, sql)


def test_what_is_done_to_many_is_done_to_exactly_these(
    many: tuple[Pages, list[Row], Browser],
) -> None:
    pages, rows, browser = many
    chosen = [row for row in rows if row.media][3:7]
    held = expected(rows, Wanted.of([("state", "needs_review")]))
    first = [row for row in in_order(rows, "newest")[:PAGE_SIZE] if row.media]
    everybody = [row for row in rows if row.media]
    before = {row["media"]: row["review"] for row in rows_of(pages, "SELECT * FROM media")}
    told = (
        ("tag", "chosen", "", chosen, "New one, place:Rom"),
        ("collect", "page", "", first, "Shelf"),
        ("hold", "all", "state=needs_review", held, ""),
        ("tag", "all", "", everybody, "everywhere"),
    )
    for action, scope, query, meant, value in told:
        asked = ask(browser, action, scope, query, *(row.id for row in chosen))
        assert asked.status_code == 200
        assert f"{len(meant)} items" in asked.text
        done = browser.send_form("/items/bulk/do", fields_of(asked.text) | {"value": value})
        assert (done.status_code, done.headers["location"]) == (303, f"/items?{query}")
    tagged = rows_of(pages, "SELECT * FROM tag WHERE source = 'human'")
    for name, meant in (("New one", chosen), ("Rom", chosen), ("everywhere", everybody)):
        known = sorted(row["media"] for row in tagged if row["name"] == name)
        assert known == sorted(row.media for row in meant if row.media), name
    shelf = rows_of(pages, "SELECT media FROM collection_member WHERE collection = 'Shelf'")
    assert {row["media"] for row in shelf} == {row.media for row in first}
    changed = {row["media"]: row["review"] for row in rows_of(pages, "SELECT * FROM media")}
    differ = {media for media in changed if changed[media] != before[media]}
    assert differ == {row.media for row in held}
    assert {changed[media] for media in differ} == {Review.HELD}
    decided = rows_of(pages, "SELECT media, verdict, who FROM decision")
    assert {(row["media"], row["verdict"]) for row in decided} == {
        (row.media, "held") for row in held
    }
    assert {row["who"].split("-")[0] for row in decided} == {"gallery:reviewer"}
    assert "Held" in browser.get(f"/items/{held[0].id}").text
    assert ids_on(browser.get("/items?state=needs_review").text) == []


def test_what_is_asked_of_many_is_asked_of_exactly_these(
    many: tuple[Pages, list[Row], Browser],
) -> None:
    pages, rows, browser = many
    chosen = [row for row in rows if row.media][5:15]
    states = rows_of(pages, "SELECT media, cleaning, verification, review FROM media ORDER BY ALL")
    for action, value in (("reclean", ""), ("enrich", "caption")):
        asked = ask(browser, action, "chosen", "", *(row.id for row in chosen))
        assert "10 items" in asked.text
        done = browser.send_form("/items/bulk/do", fields_of(asked.text) | {"value": value})
        assert done.status_code == 303
    found = rows_of(pages, "SELECT verb, detail FROM request")
    named: dict[str, set[str]] = {"reclean": set(), "enrich": set()}
    for row in found:
        ids = re.search(r'"media": "([^"]+)"', row["detail"])
        assert ids is not None
        named[row["verb"]] |= set(ids[1].split(","))
    assert named["reclean"] == {row.id for row in chosen}
    assert named["enrich"] <= {row.id for row in chosen if row.shown}
    same = rows_of(pages, "SELECT media, cleaning, verification, review FROM media ORDER BY ALL")
    assert same == states


def test_nothing_is_done_to_items_that_nobody_was_shown(
    many: tuple[Pages, list[Row], Browser],
) -> None:
    """As many as before is not enough: others may have come as these went."""
    pages, rows, browser = many
    wanted = "state=held"
    asked = ask(browser, "reject", "all", wanted)
    form = fields_of(asked.text)
    listed = expected(rows, Wanted.of(parse_qsl(wanted)))
    newcomer = next(row for row in rows if row.state == "needs_review")
    swap = (
        f"UPDATE media SET review = CASE media WHEN '{listed[0].media}' THEN 'none' ELSE 'held' END"
    )
    with pages.works.store.write() as connection:
        connection.execute(f"{swap} WHERE media IN ('{listed[0].media}', '{newcomer.media}')")
    pages.publish()
    again = browser.send_form("/items/bulk/do", form)
    assert again.status_code == 409
    assert "look at them again" in again.text
    assert f"{len(listed)} items" in again.text
    assert not rows_of(pages, "SELECT * FROM decision")
    done = browser.send_form("/items/bulk/do", fields_of(again.text))
    assert done.status_code == 303
    rejected = rows_of(pages, "SELECT media FROM decision WHERE verdict = 'rejected'")
    assert {row["media"] for row in rejected} == {row.media for row in [*listed[1:], newcomer]}


def test_many_are_never_released_and_odd_wishes_are_refused(
    many: tuple[Pages, list[Row], Browser],
) -> None:
    pages, rows, browser = many
    for action in ("release", "withdraw", "reopen", "", "delete", "__class__"):
        assert ask(browser, action, "all").status_code == 422
        form = fields_of(ask(browser, "hold", "all").text) | {"action": action}
        assert browser.send_form("/items/bulk/do", form).status_code == 422
    nobody = ask(browser, "hold", "chosen")
    assert nobody.status_code == 409
    assert "No items are chosen" in nobody.text
    strangers = ask(browser, "hold", "chosen", "", "0" * 16, "nonsense", rows[-1].id, "")
    assert strangers.status_code == 409
    twice = ask(browser, "tag", "chosen", "", rows[0].id, rows[0].id)
    assert "1 item<" in twice.text.replace("\n", "")
    for value in ("", " , ,", ","):
        refused = browser.send_form("/items/bulk/do", fields_of(twice.text) | {"value": value})
        assert refused.status_code == 409
        assert "Wanted is" in refused.text
    mode = ask(browser, "enrich", "chosen", "", rows[0].id)
    refused = browser.send_form("/items/bulk/do", fields_of(mode.text) | {"value": "no mode"})
    assert refused.status_code == 409
    assert pages.person(Role.VIEWER).send_form("/items/bulk", {"action": "tag"}).status_code == 403
    assert not rows_of(pages, "SELECT * FROM decision")
    assert not rows_of(pages, "SELECT * FROM request")
    released = [row for row in rows if row.state == "released"]
    found = rows_of(pages, "SELECT media FROM media WHERE review = 'released'")
    assert {row["media"] for row in found} == {row.media for row in released}
