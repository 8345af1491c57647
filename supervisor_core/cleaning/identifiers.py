"""Which pieces of a text read from a picture point at a person: plain rules, German and English.

Three questions, for three purposes:

    classify            what to write into the restricted record, from one piece of text
    classify_together   the same for all texts of one picture, where one explains another
    must_mask           may this text stay visible? When in doubt it may not

Nothing here is an expert's judgement or a model: see docs/identifiers.md for what it misses.
"""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from supervisor_core.cleaning import codes
from supervisor_core.cleaning.dates import Span, find_dates, find_times
from supervisor_core.cleaning.labels import (
    OLDEST_YEARS,
    IdentifierKind,
    find_labels,
    find_value,
    label_kind,
)
from supervisor_core.cleaning.names import NameList
from supervisor_core.cleaning.ocr_text import normalise
from supervisor_core.cleaning.people import find_people, labelled_person, may_be_name

__all__ = [
    "Identifier", "IdentifierKind", "NameList",
    "classify", "classify_together", "must_mask", "must_mask_together",
]  # fmt: skip

LONGEST_TEXT = 1000
"""Characters of a text that are looked at; a longer one is always masked."""

_TAKEN = "\0"
_LABEL_REACH = 16
_PIECES = re.compile(r"[\s()\[\]<>{}|]+")
_JOINTS = re.compile(r"(?<=\D)\.|[/:=+&_-]")
_EDGES = ".,;:!?*#'\"-+_"
_ONE_WORD = re.compile(r"[^\W\d_][\w'\-]*,?")
_LONE_NUMBER = re.compile(r"[^\W\d_]{0,2}\W?(\d{1,3})")
_RECENT_YEARS = range(1980, 2101)


@dataclass(frozen=True)
class Identifier:
    """A piece of a text that points at a person or an examination, spelled as it was read."""

    kind: IdentifierKind
    text: str


@dataclass
class _Reading:
    """A text from which one rule after another takes its findings, so that none counts twice."""

    text: str
    rest: str
    found: dict[int, Identifier] = field(default_factory=dict)

    def take(self, kind: IdentifierKind, start: int, end: int) -> None:
        piece = self.text[start:end].strip(" ,.;:")
        if piece:
            self.found[start] = Identifier(kind, piece)
        self.hide(start, end)

    def hide(self, start: int, end: int) -> None:
        self.rest = self.rest[:start] + _TAKEN * (end - start) + self.rest[end:]

    def take_all(self, kind: IdentifierKind, spans: Iterable[tuple[int, int]]) -> None:
        for start, end in spans:
            self.take(kind, start, end)

    def taken(self, place: int) -> bool:
        return self.rest[place : place + 1] == _TAKEN

    def in_order(self) -> tuple[Identifier, ...]:
        return tuple(self.found[start] for start in sorted(self.found))


def classify(text: str, names: NameList) -> tuple[Identifier, ...]:
    """The identifiers in one text as read, in the order in which they stand there."""
    clean = normalise(text[:LONGEST_TEXT])[:LONGEST_TEXT]
    reading = _Reading(clean, clean)
    dates = list(find_dates(clean))
    _take_labelled(reading, dates, names)
    free = (day for day in dates if not reading.taken(day.start))
    reading.take_all(IdentifierKind.DATE, [(day.start, day.end) for day in free])
    clock = [(time.start, time.end) for time in find_times(reading.rest)]
    reading.take_all(IdentifierKind.TIME, clock)
    reading.take_all(IdentifierKind.AGE, codes.find_ages(reading.rest))
    reading.take_all(IdentifierKind.CASE_NUMBER, codes.find_codes(reading.rest))
    reading.take_all(IdentifierKind.INSTITUTION, codes.find_institutions(reading.rest))
    reading.take_all(IdentifierKind.PATIENT_NAME, find_people(reading.rest, names))
    return reading.in_order()


def _take_labelled(reading: _Reading, dates: Sequence[Span], names: NameList) -> None:
    days = {place for day in dates for place in range(day.start, day.end)}
    found = [match for match in find_labels(reading.text) if match.start() not in days]
    ends = [*(match.start() for match in found[1:]), len(reading.text)]
    for match, end in zip(found, ends, strict=False):
        kind = label_kind(match)
        span = _labelled_value(reading.text, match, end, kind, dates, names)
        if span:
            reading.take(*span)
            reading.hide(match.start(), match.end())


def _labelled_value(
    text: str,
    label: re.Match[str],
    end: int,
    kind: IdentifierKind,
    dates: Sequence[Span],
    names: NameList,
) -> tuple[IdentifierKind, int, int] | None:
    start, certain = label.end(), bool(label["colon"])
    day = next((day for day in dates if start <= day.start < end), None)
    if kind is IdentifierKind.BIRTH_DATE and day and day.start - start < _LABEL_REACH:
        return kind, day.start, day.end
    if kind is IdentifierKind.PATIENT_NAME:
        person = labelled_person(text, start, end, certain, names)
        return (kind, *person) if person else None
    if day and day.start > start:
        end = day.start
    value = find_value(text, label, end, kind)
    if value and not names.is_ordinary(text[slice(*value)]):
        return (kind, *value)
    if kind is IdentifierKind.BIRTH_DATE:
        person = labelled_person(text, start, end, False, names)
        return (IdentifierKind.PATIENT_NAME, *person) if person else None
    return None


def classify_together(texts: Sequence[str], names: NameList) -> tuple[tuple[Identifier, ...], ...]:
    """The identifiers of each text of one picture, read in order, where neighbours explain it.

    A label explains the text behind it, a name the other half of itself, and an age the date of
    birth it stands beside. The result has one entry for each text.
    """
    clean = [normalise(text[:LONGEST_TEXT]) for text in texts]
    found = [classify(text, names) for text in clean]
    _explain_by_label(clean, found, names)
    _explain_by_age(clean, found)
    _explain_by_name(clean, found, names)
    return tuple(found)


def _explain_by_label(
    texts: Sequence[str], found: list[tuple[Identifier, ...]], names: NameList
) -> None:
    for place, (text, behind) in enumerate(itertools.pairwise(texts), start=1):
        label = next((label for label in find_labels(text) if label.end() == len(text)), None)
        if label and not any(other.start() == 0 for other in find_labels(behind)):
            found[place] = classify(f"{label[0]} {behind}", names) or found[place]


def _explain_by_age(texts: Sequence[str], found: list[tuple[Identifier, ...]]) -> None:
    """A date is a birth date when an age stands beside it that fits the other dates, if any."""
    years = [_year(entry) for entry in found]
    for place, entry in enumerate(found):
        if len(entry) != 1 or not years[place]:
            continue
        birth = Identifier(IdentifierKind.BIRTH_DATE, entry[0].text)
        behind = _number_in(texts[place].replace(birth.text, "", 1).strip())
        if behind and _fits(years[place], behind, years):
            found[place] = (birth, _age(behind))
        for beside in (place + 1, place - 1):
            age = _age_at(texts, found, beside)
            if age and _fits(years[place], age, years):
                found[place] = (birth,)
                found[beside] = found[beside] or (_age(age),)


def _year(entry: tuple[Identifier, ...]) -> int:
    days = (find_dates(known.text) for known in entry if known.kind is IdentifierKind.DATE)
    return next((day.year for found in days for day in found), 0)


def _age_at(texts: Sequence[str], found: Sequence[tuple[Identifier, ...]], place: int) -> int:
    if place not in range(len(texts)):
        return 0
    kinds = [known.kind for known in found[place]]
    if kinds == [IdentifierKind.AGE]:
        return int("".join(filter(str.isdigit, found[place][0].text)))
    return 0 if kinds else _number_in(texts[place])


def _number_in(text: str) -> int:
    """The number of at most three digits that is all of a text but for an icon, 0 without one."""
    number = _LONE_NUMBER.fullmatch(text)
    return int(number[1]) if number and int(number[1]) <= OLDEST_YEARS else 0


def _age(years: int) -> Identifier:
    return Identifier(IdentifierKind.AGE, str(years))


def _fits(year: int, age: int, years: Sequence[int]) -> bool:
    """The age was reached in a later year on the same picture; without one, any would do."""
    later = [other - year - age for other in years if other > year]
    return any(gap in (0, 1) for gap in later) if later else year + age in _RECENT_YEARS


def _explain_by_name(
    texts: Sequence[str], found: list[tuple[Identifier, ...]], names: NameList
) -> None:
    """The two halves of a name in two texts, and an everyday name beside a date of birth."""
    single = [_ONE_WORD.fullmatch(text) is not None for text in texts]
    for place in range(len(texts) - 1):
        if single[place] and single[place + 1]:
            _explain_halves(texts, found, place, names)
    for place, text in enumerate(texts):
        beside = found[max(place - 1, 0) : place + 2]
        kinds = {known.kind for entry in beside for known in entry}
        silent = single[place] and not found[place]
        if silent and IdentifierKind.BIRTH_DATE in kinds and may_be_name(text, names):
            found[place] = (_name(text),)


def _explain_halves(
    texts: Sequence[str], found: list[tuple[Identifier, ...]], place: int, names: NameList
) -> None:
    one, other = texts[place], texts[place + 1]
    whole = (_name(f"{one} {other}"),)
    known = all(may_be_name(text, names) for text in (one, other))
    if (known or one.endswith(",")) and classify(whole[0].text, names) == whole:
        found[place] = found[place] or (_name(one),)
        found[place + 1] = found[place + 1] or (_name(other),)


def _name(text: str) -> Identifier:
    return Identifier(IdentifierKind.PATIENT_NAME, text.strip(" ,"))


def must_mask(text: str, names: NameList) -> bool:
    """False only for a text all of whose pieces are known to identify nobody.

    Everything unknown or unreadable is masked: a harmless word too many under a mask costs
    little, a name left visible can't be taken back.
    """
    clean = normalise(text[: LONGEST_TEXT + 1])
    if len(text) > LONGEST_TEXT or not any(map(str.isalnum, clean)) or clean.endswith(","):
        return True
    if classify(clean, names) or (find_labels(clean) and any(map(str.isdigit, clean))):
        return True
    pieces = [piece.strip(_EDGES) for piece in _PIECES.split(codes.without_measures(clean))]
    counting = any(names.is_harmless(piece) for piece in pieces)
    return not all(_is_harmless(piece, counting, names) for piece in pieces)


def _is_harmless(piece: str, counting: bool, names: NameList) -> bool:
    """True for words and figures that say nothing; `counting`: "Kanal 12" may have a number."""
    if codes.is_figure(piece) or (counting and len(piece) < 3 and piece.isdigit()):
        return True
    parts = [part for part in _JOINTS.split(piece) if part]
    if len(parts) > 1 or parts != [piece]:
        return all(_is_harmless(part, counting, names) for part in parts)
    return names.is_harmless(piece)


def must_mask_together(texts: Sequence[str], names: NameList) -> tuple[bool, ...]:
    """`must_mask` for each text of one picture, where a neighbour may also betray a text."""
    found = classify_together(texts, names)
    return tuple(
        bool(known) or must_mask(text, names) for text, known in zip(texts, found, strict=True)
    )
