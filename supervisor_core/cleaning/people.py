"""Where a text names a person: words of the name list, and the company they keep.

A name that is nothing else counts wherever it stands. One that is also an everyday word ("Ernst",
"May") or very short needs a second part, an initial, a title or a label beside it. An unknown
word counts as a name only beside a known one, behind a title or behind a label.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from supervisor_core.cleaning.names import PARTICLES, Known, NameList

_WORD = re.compile(r"[^\W\d_](?:[\w|!'\-]{0,60}[^\W_])?")
_HUMP = re.compile(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])")
_NEAR = re.compile(r"[\s.]{0,3}")
_COMMA = re.compile(r"\s?,\s?")
_TITLES = frozenset(
    ("Dr", "DR", "Prof", "PROF", "PD", "Herr", "HERR", "Herrn", "Frau", "FRAU", "Mr", "Mrs", "MRS",
     "Ms", "Miss", "OA", "OÄ", "CA", "Oberarzt", "Chefarzt", "Assistenzarzt", "Schwester",
     "Pfleger", "Doktor", "Doctor")
)  # fmt: skip
_DOTTED_TITLES = frozenset(("Hr", "Fr", "Sr", "MR", "MS"))
_BEHIND_TITLE = frozenset(("med", "dent", "rer", "nat", "habil", "univ", "dr", "prof", "dipl"))
_LONGEST_NAME = 4
_LONGEST_RUN = 8
_GLUED = range(7, 25)


@dataclass(frozen=True)
class _Word:
    start: int
    end: int
    text: str
    known: Known
    ordinary: bool
    dotted: bool

    @property
    def solid(self) -> bool:
        return bool(self.known) and Known.EVERYDAY not in self.known

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()

    @property
    def initial(self) -> bool:
        return len(self.text) == 1 and self.capital and self.dotted

    @property
    def particle(self) -> bool:
        return self.text.lower() in PARTICLES

    @property
    def title(self) -> bool:
        return self.text in _TITLES or (self.dotted and self.text in _DOTTED_TITLES)

    @property
    def nameable(self) -> bool:
        """Could be somebody's name although no list knows it."""
        return self.capital and len(self.text) > 1 and not (self.ordinary or self.title)


def find_people(text: str, names: NameList) -> list[tuple[int, int]]:
    """Where a text names people, as pairs of start and end; no title is included."""
    words = _join_split(text, list(_words(text, names)), names)
    people = []
    place = 0
    while place < len(words):
        first, last = _person_at(text, words, place)
        if last > first:
            people.append((words[first].start, words[last - 1].end))
        place = max(last, place + 1)
    return people


def labelled_person(
    text: str, start: int, end: int, certain: bool, names: NameList
) -> tuple[int, int] | None:
    """The name that begins at `start`; `certain` when a colon says that what follows is one."""
    chosen: list[_Word] = []
    place = start
    for word in _words(text[:end], names, start):
        gap = text[place : word.start]
        fits = word.known or word.particle or word.title or word.initial or word.nameable
        if not (_NEAR.fullmatch(gap) or (chosen and _COMMA.fullmatch(gap))):
            break
        if len(chosen) == _LONGEST_NAME or not (fits or (certain and not chosen)):
            break
        if not (chosen or certain or word.capital):
            break
        chosen.append(word)
        place = word.end
    person = list(itertools.dropwhile(_goes_with_title, chosen))
    return (person[0].start, person[-1].end) if person else None


def may_be_name(word: str, names: NameList) -> bool:
    """True for a word of the name list, even one that proves nothing when it stands alone."""
    return bool(_known(word.strip(" ,."), names))


def _words(text: str, names: NameList, start: int = 0) -> Iterator[_Word]:
    for match in _WORD.finditer(text, start):
        word = match[0]
        if sum(map(str.isalpha, word)) * 5 < len(word) * 3:
            continue
        known = _known(word, names)
        if not known:
            word = word.rstrip("0123456789")
            known = _known(word, names)
        if known or not _HUMP.search(word):
            yield _word(text, match.start(), word, known, names)
            continue
        place = match.start()
        for part in _HUMP.split(word):
            yield _word(text, place, part, _known(part, names), names)
            place += len(part)


def _word(text: str, start: int, word: str, known: Known, names: NameList) -> _Word:
    end = start + len(word)
    return _Word(start, end, word, known, names.is_ordinary(word), text[end : end + 1] == ".")


def _known(word: str, names: NameList) -> Known:
    """What is known of a word, of the parts of a hyphenated one, or of two glued together."""
    # A confused letter is forgiven only where a name is written as one, or "shall" would be Sahli.
    parts = [part for part in word.split("-") if len(part) > 1]
    known = [names.look_up(part, tolerant=not part.islower()) for part in parts]
    solid = [part for part in known if part and Known.EVERYDAY not in part]
    if solid or any(known):
        return solid[0] if solid else next(filter(None, known))
    if len(word) in _GLUED and word.isalpha() and not names.is_ordinary(word):
        return _glued(word, names)
    return Known.NOTHING


def _glued(word: str, names: NameList) -> Known:
    for cut in range(3, len(word) - 2):
        front = names.look_up(word[:cut], tolerant=False)
        back = names.look_up(word[cut:], tolerant=False) if front else Known.NOTHING
        both = _first_and_last(front, back)
        if both and not (front & back & Known.EVERYDAY):
            return Known.FIRST | Known.LAST
    return Known.NOTHING


def _first_and_last(one: Known, other: Known) -> bool:
    return bool(
        (one & Known.FIRST and other & Known.LAST) or (one & Known.LAST and other & Known.FIRST)
    )


def _join_split(text: str, words: list[_Word], names: NameList) -> list[_Word]:
    """The words with those put together that are a name only together: "Tho mas", "M ller"."""
    joined: list[_Word] = []
    for word in words:
        before = joined[-1] if joined else None
        if before and text[before.end : word.start] == " " and _halves(before, word, names):
            whole = before.text + word.text
            known = names.look_up(whole, tolerant=False)
            joined[-1] = _Word(before.start, word.end, whole, known, False, word.dotted)
        else:
            joined.append(word)
    return joined


def _halves(one: _Word, other: _Word, names: NameList) -> bool:
    if one.solid or other.solid or one.ordinary or other.ordinary or one.title:
        return False
    if len(one.text) + len(other.text) < 5 or other.capital != one.text.isupper():
        return not other.capital and len(one.text) == 1 and _solid_whole(one, other, names)
    return _solid_whole(one, other, names)


def _solid_whole(one: _Word, other: _Word, names: NameList) -> bool:
    whole = names.look_up(one.text + other.text, tolerant=False)
    return bool(whole) and Known.EVERYDAY not in whole


def _person_at(text: str, words: Sequence[_Word], place: int) -> tuple[int, int]:
    """The range of words that is a person's name and begins here; an empty one when none does."""
    word = words[place]
    if word.title:
        return _titled(text, words, place)
    if not (word.known or word.initial):
        return place, place
    end, comma = _run(text, words, place)
    group = words[place:end]
    if _is_proven(group):
        return _extended(text, words, place, end, comma)
    if len(group) == 1 and not comma:
        return _with_comma_partner(text, words, place)
    return place, place


def _titled(text: str, words: Sequence[_Word], place: int) -> tuple[int, int]:
    first = place + 1
    while first < len(words) and _near(text, words, first) and _goes_with_title(words[first]):
        first += 1
    last = first
    while last < len(words) and last < first + 3 and _near(text, words, last):
        word = words[last]
        if not ((word.known and word.capital) or word.nameable or word.initial or word.particle):
            break
        last += 1
    return (first, last) if last > first else (place, place)


def _goes_with_title(word: _Word) -> bool:
    return word.title or word.text.lower() in _BEHIND_TITLE


def _run(text: str, words: Sequence[_Word], place: int) -> tuple[int, bool]:
    """How far known names, initials and particles follow each other, with one comma at most."""
    end, comma = place + 1, False
    while end < min(len(words), place + _LONGEST_RUN):
        word = words[end]
        if not (word.known or word.initial or word.particle) or word.title:
            break
        if not _near(text, words, end):
            if comma or not _after_comma(text, words, end):
                break
            comma = True
        end += 1
    while end > place + 1 and words[end - 1].particle and not words[end - 1].known:
        end -= 1
    return end, comma


def _is_proven(group: Sequence[_Word]) -> bool:
    if any(word.solid for word in group):
        return True
    parts = [word for word in group if word.known and word.capital]
    if len(parts) == 1:
        return any(word.initial for word in group)
    return any(_first_and_last(one.known, other.known) for one, other in itertools.pairwise(parts))


def _extended(
    text: str, words: Sequence[_Word], first: int, last: int, comma: bool
) -> tuple[int, int]:
    """The group with the one unknown word beside it that must be the rest of the name."""
    parts = [word for word in words[first:last] if word.known]
    complete = comma or (len(parts) > 1 and any(part.known == Known.LAST for part in parts))
    if complete:
        return first, last
    alone = len(parts) == 1 and first > 0
    if alone and _after_comma(text, words, first) and _may_lead(words, first - 1):
        return first - 1, last
    end = _end_of_particles(text, words, last)
    if end < len(words) and words[end].nameable and _linked(text, words, end):
        return first, end + 1
    if alone and words[first - 1].nameable and _near(text, words, first):
        return first - 1, last
    return first, last


def _may_lead(words: Sequence[_Word], place: int) -> bool:
    """Before a comma and a first name even an everyday word is the surname, when it begins."""
    word = words[place]
    return word.nameable or (place == 0 and word.capital and len(word.text) > 1)


def _end_of_particles(text: str, words: Sequence[_Word], place: int) -> int:
    while place < len(words) and words[place].particle and _near(text, words, place):
        place += 1
    return place


def _with_comma_partner(text: str, words: Sequence[_Word], place: int) -> tuple[int, int]:
    """An everyday name and an unknown word on the two sides of a comma are a name together."""
    if not words[place].known:
        return place, place
    if place and words[place - 1].nameable and _after_comma(text, words, place):
        return place - 1, place + 1
    behind = place + 1
    if behind < len(words) and words[behind].nameable and _after_comma(text, words, behind):
        return place, behind + 1
    return place, place


def _near(text: str, words: Sequence[_Word], place: int) -> bool:
    return bool(_NEAR.fullmatch(text[words[place - 1].end : words[place].start]))


def _after_comma(text: str, words: Sequence[_Word], place: int) -> bool:
    return bool(_COMMA.fullmatch(text[words[place - 1].end : words[place].start]))


def _linked(text: str, words: Sequence[_Word], place: int) -> bool:
    return _near(text, words, place) or _after_comma(text, words, place)
