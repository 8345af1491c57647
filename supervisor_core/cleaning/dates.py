"""Dates and times of day in German and English spellings, as a recogniser may have garbled them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from supervisor_core.cleaning.ocr_text import DIGIT, digits

_SEPARATOR = r"\s?[./,\-]\s?|\s"
_TWO_OR_ONE = f"{DIGIT}{{1,2}}"
_CLOCK_NEXT = rf"(?={DIGIT}{{1,2}}[:.]{DIGIT}{{2}})"
_NUMBER_ENDS = rf"(?:(?!\d|[./,\-]\d)|{_CLOCK_NEXT})"
_MONTHS = (
    "jan(?:uary|uar|ner)?", "feb(?:ruary|ruar|er)?", "m(?:ar(?:ch)?|ae?rz?|är?z)", "apr(?:il)?",
    "ma[yi]", "june?|juni", "july?|juli", "aug(?:ust)?", "sept?(?:ember)?", "[o0][kc]t(?:[o0]ber)?",
    "n[o0]v(?:ember)?", "de[zc](?:ember)?",
)  # fmt: skip
_MONTH = "(?i:" + "|".join(_MONTHS) + r")\.?(?![^\W\d_])"
_FORMS = tuple(
    re.compile(form)
    for form in (
        # 2024-02-15
        rf"(?<!\d)(?P<year>[12]{DIGIT}{{3}})(?:{_SEPARATOR})(?P<a>{_TWO_OR_ONE})"
        rf"(?:{_SEPARATOR})(?P<b>{_TWO_OR_ONE})(?:(?!\d)|{_CLOCK_NEXT})",
        # 15/02/2024, 15.02 2024, and what glues to it: 15/02/202409:52:17
        rf"(?<!\d)(?P<a>{_TWO_OR_ONE})(?:{_SEPARATOR})(?P<b>{_TWO_OR_ONE})(?:{_SEPARATOR})"
        rf"(?P<year>[12lI|]{DIGIT}{{3}})",
        # 15|02|2024: strokes read as letters
        r"(?<!\d)(?P<a>\d\d)[|!lI](?P<b>\d\d)[|!lI](?P<year>[12]\d{3})(?!\d)",
        # 15.02.24: both separators alike, or version numbers and ratios would be dates
        rf"(?<![\d.,/\-])(?P<a>{_TWO_OR_ONE})(?P<sep>\s?[./\-]\s?)(?P<b>{_TWO_OR_ONE})(?P=sep)"
        rf"(?P<year>{DIGIT}{{2}}){_NUMBER_ENDS}",
        # 21. März 1994, 21-MAR-94
        rf"(?<!\d)(?P<a>{_TWO_OR_ONE})(?i:st|nd|rd|th)?[\s.,/\-]{{0,3}}{_MONTH}"
        rf"[\s.,/\-']{{0,3}}(?P<year>{DIGIT}{{4}}|{DIGIT}{{2}})(?!\d\D)",
        # March 21, 1994
        rf"(?<![^\W\d_]){_MONTH}[\s.,/\-]{{0,3}}(?P<a>{_TWO_OR_ONE})(?i:st|nd|rd|th)?"
        rf"[\s.,/\-']{{1,3}}(?P<year>{DIGIT}{{4}})",
        # März 1994, 03/1994
        rf"(?<![^\W\d_]){_MONTH}[\s.,/\-']{{0,3}}(?P<year>(?:19|20)\d\d)(?!\d)",
        r"(?<![\d./\-])(?P<a>0?[1-9]|1[0-2])\s?[./\-]\s?(?P<year>(?:19|20)\d\d)(?!\d)",
        # 20240215 and 15022024, alone or with a clock behind: 20240215095217
        r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<a>\d\d)(?P<b>\d\d)(?:\d{6})?(?!\d)",
        r"(?<!\d)(?P<a>\d\d)(?P<b>\d\d)(?P<year>(?:19|20)\d\d)(?:\d{6})?(?!\d)",
    )
)
_CLOCK = re.compile(
    rf"(?<!\d)(?P<h>{_TWO_OR_ONE})\s?[:;]\s?(?P<m>{DIGIT}{{2}})(?:\s?[:;.]\s?(?P<s>{DIGIT}{{2}}))?"
    rf"(?:[:;.]\d{{1,3}})?(?:\s?(?:Uhr|[AaPp][Mm])\b)?(?!\d)"
    rf"|(?<![\d.])(?P<h2>{_TWO_OR_ONE})\.(?P<m2>{DIGIT}{{2}})"
    rf"(?:\.(?P<s2>{DIGIT}{{2}})(?![.\d])|\s?(?:Uhr|[AaPp][Mm])\b)"
)
_YEARS = range(1880, 2101)


@dataclass(frozen=True)
class Span:
    """A piece of a text: where it begins, where it ends, and its year when it is a date."""

    start: int
    end: int
    year: int = 0


def find_dates(text: str) -> Iterator[Span]:
    """The dates in a text, none overlapping another; the likeliest spelling wins."""
    taken: list[Span] = []
    for form in _FORMS:
        for match in form.finditer(text):
            year = _year_of(match)
            if year and not any(match.start() < s.end and s.start < match.end() for s in taken):
                taken.append(Span(match.start(), match.end(), year))
    yield from sorted(taken, key=lambda span: span.start)


def find_times(text: str) -> Iterator[Span]:
    """The times of day and time codes in a text from which the dates were taken out."""
    for match in _CLOCK.finditer(text):
        parts = [match[name] or match[name + "2"] or "0" for name in ("h", "m", "s")]
        hour, minute, second = map(_number, parts)
        possible = hour < 24 and minute < 60 and second < 60
        if possible and any(map(str.isdigit, parts[0])) and _mostly_digits("".join(parts)):
            yield Span(match.start(), match.end())


def _year_of(match: re.Match[str]) -> int:
    """The year of a possible date, 0 when there is no such day."""
    parts = match.groupdict()
    if not _mostly_digits("".join(parts.get(name, "") for name in ("a", "b", "year"))):
        return 0
    year = _number(parts["year"])
    if len(parts["year"]) == 2:
        year += 1900 if year > 30 else 2000
    a, b = _number(parts.get("a", "1")), _number(parts.get("b", "1"))
    possible = min(a, b) in range(1, 13) and max(a, b) in range(1, 32)
    return year if possible and year in _YEARS else 0


def _number(piece: str) -> int:
    return int(digits(piece))


def _mostly_digits(piece: str) -> bool:
    letters = sum(letter.isalpha() or letter in "|!" for letter in piece)
    return sum(letter.isdigit() for letter in piece) > letters
