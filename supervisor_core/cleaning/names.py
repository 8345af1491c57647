"""Which words are people's names: a free list, an operator's own list, and how a word is compared.

The shipped list is not copied: it is read from the person providers of the `faker` package (MIT),
by parsing their source, so that none of that package is imported or executed. A name also
counts when the recogniser confused one of its letters, lost its umlaut or one of a double letter.
"""

import ast
import importlib.util
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntFlag
from functools import cache
from pathlib import Path

from supervisor_core.cleaning.ocr_text import fold, same_letters, skeleton
from supervisor_core.reasons import Failed, Reason

LOCALES = ("de_DE", "de_AT", "de_CH", "en_US", "en_GB")
TOLERANT_LENGTH = 5
"""From how many letters on one confused letter is forgiven."""
ALONE_LENGTH = 4
"""From how many letters on a shipped name counts without a second part beside it."""

PARTICLES = frozenset(
    ("von", "van", "vom", "zu", "zur", "zum", "der", "den", "de", "del", "di", "da", "dos", "du",
     "la", "le", "el", "al", "bin", "ibn", "ter", "ten", "mc", "mac")
)  # fmt: skip
"""Little words inside names; alone they are nothing."""

_LONGEST_WORD = 40
_PART = re.compile(r"[^\W\d_]+")
_WORDS = Path(__file__).parent / "words"
_CONFUSED = {
    "a": "oeg", "b": "hke", "c": "eogd", "d": "ocb", "e": "caof", "f": "tep", "g": "qcya",
    "h": "bnk", "k": "hx", "l": "tfr", "m": "nw", "n": "hmruv", "o": "aecdu", "p": "rfo",
    "q": "go", "r": "nptl", "s": "zg", "t": "flr", "u": "vnao", "v": "uyn", "w": "vm",
    "x": "ky", "y": "vgl", "z": "s",
}  # fmt: skip


class Known(IntFlag):
    """What the lists say about a word."""

    NOTHING = 0
    FIRST = 1
    LAST = 2
    EVERYDAY = 4
    """A name that is also an everyday word, or too short: alone it proves nothing."""


@dataclass(frozen=True)
class NameList:
    """First and last names, everyday words and harmless words, keyed by their folded spelling."""

    names: dict[str, Known]
    lookalikes: dict[str, Known]
    harmless: frozenset[str]
    ordinary: frozenset[str]

    @classmethod
    def default(cls, extra: Path | None = None) -> "NameList":
        """The shipped lists with the operator's own file over them, when there is one.

        `extra`: UTF-8, one name a line, `#` starts a comment; a line that begins with `-` is a word
        that is harmless on this footage. Raises `Failed(DEPENDENCY_MISSING)` without the shipped
        list and `Failed(BAD_CONFIGURATION)` for a file that can't be read.
        """
        shipped = _shipped()
        if extra is None or not extra.exists():
            return shipped
        return _with_own(shipped, _own_lines(extra))

    def look_up(self, word: str, *, tolerant: bool = True) -> Known:
        """What is known about one word as read; `tolerant` forgives one confused letter."""
        folded = fold(word[:_LONGEST_WORD])
        known = self.names.get(folded)
        if known is not None:
            return known
        if folded in self.ordinary or skeleton(folded) in self.harmless:
            return Known.NOTHING
        spellings = {skeleton(folded), same_letters(folded)}
        known = self._best(spellings)
        if not known and tolerant and len(folded) >= TOLERANT_LENGTH:
            known = self._best(other for spelling in spellings for other in _confusions(spelling))
        return known

    def is_harmless(self, word: str) -> bool:
        """True for a word of the interface that is nobody's name."""
        return skeleton(fold(word)) in self.harmless and not self.look_up(word)

    def is_ordinary(self, word: str) -> bool:
        """True for a word of the interface or of everyday speech, a name or not."""
        folded = fold(word)
        return folded in self.ordinary or skeleton(folded) in self.harmless

    def _best(self, spellings: Iterable[str]) -> Known:
        """What is known under any of these spellings; a name that counts alone goes first."""
        known = filter(None, map(self.lookalikes.get, spellings))
        return min(known, key=lambda kind: Known.EVERYDAY in kind, default=Known.NOTHING)


def _confusions(spelling: str) -> Iterator[str]:
    for place, letter in enumerate(spelling):
        for other in _CONFUSED.get(letter, ""):
            yield spelling[:place] + other + spelling[place + 1 :]
    for read, meant in (("cl", "d"), ("d", "cl"), ("m", "nn"), ("nn", "m"), ("w", "vl")):
        place = spelling.find(read)
        if place >= 0:
            yield spelling[:place] + meant + spelling[place + len(read) :]


@cache
def _shipped() -> NameList:
    harmless = frozenset(map(fold, _listed_words("harmless")))
    everyday = {*_listed_words("everyday"), *_faker_words()}
    ordinary = harmless | frozenset(map(fold, everyday))
    names: dict[str, Known] = {}
    lookalikes: dict[str, Known] = {}
    for part, known in _parts(_faker_names()).items():
        folded = fold(part)
        if len(part) < ALONE_LENGTH or folded in ordinary:
            known |= Known.EVERYDAY
        _merge(names, folded, known)
        for spelling in _misreadings(part, folded):
            _merge(lookalikes, spelling, known)
    return NameList(names, lookalikes, frozenset(map(skeleton, harmless)), ordinary)


def _with_own(shipped: NameList, lines: list[str]) -> NameList:
    own = {part: fold(part) for line in lines if line[0] != "-" for part in _words_of(line)}
    harmless = {fold(part) for line in lines if line[0] == "-" for part in _words_of(line)}
    known = Known.FIRST | Known.LAST
    unlike = {skeleton(word) for word in harmless}
    names = {word: what for word, what in shipped.names.items() if word not in harmless}
    lookalikes = {word: what for word, what in shipped.lookalikes.items() if word not in unlike}
    names |= dict.fromkeys(own.values(), known)
    for part, folded in own.items():
        lookalikes |= dict.fromkeys(_misreadings(part, folded), known)
    ordinary = shipped.ordinary | harmless
    return NameList(names, lookalikes, shipped.harmless | unlike, ordinary)


def _parts(names: Iterable[tuple[str, Known]]) -> dict[str, Known]:
    parts: dict[str, Known] = {}
    for name, known in names:
        for part in _words_of(name):
            _merge(parts, part, known)
    return parts


def _words_of(name: str) -> list[str]:
    words = _PART.findall(name.lower())
    return [word for word in words if len(word) > 1 and word not in PARTICLES]


def _merge(table: dict[str, Known], spelling: str, known: Known) -> None:
    table[spelling] = _either(table.get(spelling, known), known)


@cache
def _either(one: Known, other: Known) -> Known:
    """Two names under one spelling: it proves nothing alone only when neither of them does."""
    return (one | other) & ~Known.EVERYDAY | (one & other & Known.EVERYDAY)


def _misreadings(part: str, folded: str) -> Iterator[str]:
    yield skeleton(folded)
    if "ß" in part:
        yield skeleton(fold(part.replace("ß", "b")))
    if len(part) < TOLERANT_LENGTH:
        return
    yield same_letters(folded)
    for place in range(1, len(folded)):
        if folded[place] == folded[place - 1]:
            yield skeleton(folded[:place] + folded[place + 1 :])
    if not part.isascii():
        yield skeleton("".join(letter for letter in part if letter.isascii()))
        yield skeleton(fold(part.replace("ü", "ii")))


def _listed_words(name: str) -> Iterator[str]:
    for line in (_WORDS / f"{name}.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            yield from _PART.findall(line)


def _own_lines(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(Reason.BAD_CONFIGURATION, setting="names.txt") from error
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def _faker_names() -> Iterator[tuple[str, Known]]:
    for locale in LOCALES:
        assigned = list(_faker_strings("person", locale))
        for variable, known in (("first_names", Known.FIRST), ("last_names", Known.LAST)):
            names = [text for name, text in assigned if name.startswith(variable)]
            if not names:
                raise Failed(Reason.DEPENDENCY_MISSING, package="faker")
            yield from ((name, known) for name in names)


def _faker_words() -> Iterator[str]:
    for locale in ("de_DE", "en_US"):
        yield from (text for name, text in _faker_strings("lorem", locale) if name == "word_list")


def _faker_strings(provider: str, locale: str) -> Iterator[tuple[str, str]]:
    """Pairs of a variable of the provider class and a string in what is assigned to it."""
    tree = ast.parse(_faker_source(provider, locale))
    for body in (node.body for node in tree.body if isinstance(node, ast.ClassDef)):
        for node in body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                for leaf in ast.walk(node.value):
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                        yield node.targets[0].id, leaf.value


def _faker_source(provider: str, locale: str) -> str:
    found = importlib.util.find_spec("faker")
    if found is None or found.origin is None:
        raise Failed(Reason.DEPENDENCY_MISSING, package="faker")
    module = Path(found.origin).parent / "providers" / provider / locale / "__init__.py"
    try:
        return module.read_text("utf-8")
    except OSError as error:
        raise Failed(Reason.DEPENDENCY_MISSING, package="faker") from error
