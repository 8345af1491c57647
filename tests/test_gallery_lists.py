"""Lists against a plain reference: what fits, how many of what, in which order, on which page."""

import re
from collections.abc import Iterator
from html import unescape
from math import ceil
from urllib.parse import parse_qsl, urlencode

import pytest
from drawn_lists import COLLECTIONS, TAGS, Row, draw, expected, expected_counts, ids_on, in_order
from gallery_parts import Browser
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_parts import House as Works
from queue_parts import Pages, Role

from gallery.listing import reading
from gallery.listing.filters import NAMED, ORDERS, PAGE_SIZE, Wanted
from gallery.listing.listing import Listing


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
