"""What a list is narrowed to. All of it stands in the address, so a bookmark is a saved search."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from urllib.parse import parse_qsl, urlencode

from gallery.listing.badges import SIGNS, Badge

PAGE_SIZE = 60
_LONGEST = 200  # characters of any value
_MOST = 20  # values of one filter
_LONGEST_QUERY = 4000

Query = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Facet:
    """One thing to narrow by: its name in the address, its words, and its SQL on `item`.

    `sql` is the value of a row; `many` where a row has a list of them; `words` for known values.
    """

    name: str
    title: str
    sql: str
    many: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    shown: int = 12


FACETS = (
    Facet("state", "State", "state", words={key: sign.word for key, sign in SIGNS.items()}),
    Facet(
        "kind",
        "Kind",
        "kind",
        words={"video": "Video", "still": "Picture", "dicom": "DICOM", "unknown": "Unknown"},
    ),
    Facet("source", "Source", "source"),
    Facet("month", "Month", "month"),
    Facet("tag", "Tag", "tags", many=True, shown=20),
    Facet("collection", "Collection", "collections", many=True),
    Facet("stars", "Rating", "rated", words={"none": "not rated"}),
    Facet(
        "check",
        "Check",
        "checked",
        words={
            "verified": "Verified",
            "residual": "Text was left",
            "timeout": "Not in time",
            "none": "Not checked",
            "damaged": "Does not decode",
        },
    ),
    Facet("gaps", "Has gaps", "gaps"),
    Facet("alike", "Has duplicates", "alike"),
)
NAMED = {facet.name: facet for facet in FACETS}


@dataclass(frozen=True)
class Order:
    """One way to sort: what it is called, by what, and whether the largest is first."""

    title: str
    sql: str
    descending: bool = True


ORDERS = {
    "newest": Order("Newest first", "rowid", descending=False),
    "oldest": Order("Oldest first", "rowid"),
    "longest": Order("Longest first", "coalesce(seconds, 0)"),
    "largest": Order("Largest first", "size_bytes"),
    "rating": Order("Best rated first", "coalesce(stars, -1)"),
    "unseen": Order("Least looked at first", "looks", descending=False),
}


@dataclass(frozen=True)
class Wanted:
    """A list as its address says it; what an address says wrongly is left out, never an error."""

    values: tuple[tuple[str, str], ...] = ()
    text: str = ""
    since: str = ""
    until: str = ""
    sort: str = "newest"
    page: int = 1

    @classmethod
    def of(cls, query: Query) -> "Wanted":
        """What the pairs of a query string ask for."""
        pairs = [(name, value.strip()[:_LONGEST]) for name, value in query]
        last = dict(pairs)
        values = dict.fromkeys((name, value) for name, value in pairs if name in NAMED and value)
        sort = last.get("sort", "newest")
        return cls(
            values=tuple(values)[: _MOST * len(FACETS)],
            text=last.get("q", ""),
            since=_day(last.get("since", "")),
            until=_day(last.get("until", "")),
            sort=sort if sort in ORDERS else "newest",
            page=_page(last.get("page", "1")),
        )

    @classmethod
    def read(cls, query: str) -> "Wanted":
        """The same of a query string that a page or a form hands on; what is too long is cut."""
        return cls.of(parse_qsl(query[:_LONGEST_QUERY]))

    def chosen(self, name: str) -> list[str]:
        """The values that one filter is set to."""
        return [value for facet, value in self.values if facet == name]

    def without(self, name: str, value: str = "") -> "Wanted":
        """The same list without one value of a filter, from its first page."""
        if name in ("text", "since", "until"):
            return replace(self, **{name: ""}, page=1)  # type: ignore[arg-type]
        left = [
            (facet, one) for facet, one in self.values if facet != name or value not in (None, one)
        ]
        return replace(self, values=tuple(left), page=1)

    def plus(self, name: str, value: str) -> "Wanted":
        """The same list narrowed to one value more, from its first page."""
        return replace(self, values=(*self.values, (name, value)), page=1)

    def at(self, page: int) -> "Wanted":
        """Another page of the same list."""
        return replace(self, page=page)

    @property
    def narrowed(self) -> bool:
        """True unless it is the whole list."""
        return bool(self.values or self.text or self.since or self.until)

    @property
    def query(self) -> str:
        """The list as a query string, without what is as always."""
        return urlencode(list(self.pairs()))

    @property
    def for_review(self) -> bool:
        """True of what waits for a decision, on any page of it."""
        return self.at(1) == TO_REVIEW

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The list as the fields of a form."""
        yield from self.values
        plain = (("q", self.text), ("since", self.since), ("until", self.until))
        yield from ((name, value) for name, value in plain if value)
        if self.sort != "newest":
            yield "sort", self.sort
        if self.page > 1:
            yield "page", str(self.page)

    def where(self) -> tuple[str, list[object]]:
        """The whole condition on `item` and its parameters."""
        wide, given = self.wide()
        flags = self.flags()
        sql = [wide, *(condition for condition, _ in flags.values())]
        return " AND ".join(sql), [*given, *(values for _, values in flags.values())]

    def wide(self) -> tuple[str, list[object]]:
        """The condition without the filters of which an item has one value each."""
        parts, given = ["true"], list[object]()
        for facet in (one for one in FACETS if one.many):
            # Of a list all that are set: since that is what narrowing means there.
            for value in self.chosen(facet.name):
                parts.append(f"list_contains({facet.sql}, ?)")
                given.append(value)
        for condition, word in self._plain():
            parts.append(condition)
            given.append(word)
        return " AND ".join(parts), given

    def flags(self) -> dict[str, tuple[str, object]]:
        """The condition of each of those, by its name, and its parameter: one of the values."""
        plain = (facet for facet in FACETS if not facet.many)
        return {
            facet.name: (f"list_contains(?::VARCHAR[], {facet.sql})", values)
            for facet in plain
            if (values := self.chosen(facet.name))
        }

    def _plain(self) -> Iterator[tuple[str, object]]:
        for word in self.text.split()[:8]:
            yield "contains(text, lower(?))", word  # one idea of what is small, for both
        if self.since:
            yield "day >= ?::DATE", self.since
        if self.until:
            yield "day <= ?::DATE", self.until


TO_REVIEW = Wanted(values=(("state", Badge.NEEDS_REVIEW.value),), sort="oldest")


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _page(text: str) -> int:
    return max(1, min(100_000, int(text))) if text.isascii() and text.isdecimal() else 1
