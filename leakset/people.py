"""Invented people: names, dates of birth and numbers as they stand on examination pictures."""

from dataclasses import dataclass

import numpy as np

FAMILY = (
    "Grünwald", "Hohmeier", "Böttcherling", "Sandvoß", "Überreiter", "Käsbohrer", "Lindqvist",
    "Marlowe", "Ashgrove", "Penhallow", "Okonwright", "Fairbrother", "Wüstefeld", "Kröger",
    "Thistlewood", "Jännicke",
)  # fmt: skip
GIVEN = (
    "Jürgen", "Annegret", "Björn", "Käthe", "Rosalind", "Edmund", "Sören", "Margarethe", "Harriet",
    "Wilfred", "Günther", "Beatrice", "Lieselotte", "Cedric",
)  # fmt: skip
_ASCII = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
)


def plain(text: str) -> str:
    """The same text without umlauts, for fonts that have none."""
    return text.translate(_ASCII)


@dataclass(frozen=True)
class Person:
    """One invented patient, with the strings a device would burn in."""

    family: str
    given: str
    born: tuple[int, int, int]
    number: int

    @property
    def name(self) -> str:
        """Family name, comma, given name."""
        return f"{self.family}, {self.given}"

    def birth_date(self, style: int) -> str:
        """Date of birth in one of five German and English spellings."""
        year, month, day = self.born
        return (
            f"geb. {day:02}.{month:02}.{year}",
            f"DOB {month:02}/{day:02}/{year}",
            f"*{day:02}.{month:02}.{year % 100:02}",
            f"{year}-{month:02}-{day:02}",
            f"Geb.-Datum: {day:02}.{month:02}.{year}",
        )[style % 5]

    def case_number(self, style: int) -> str:
        """Case or patient number in one of five spellings."""
        digits = f"{self.number:08}"
        return (
            f"Fall-Nr. {digits}",
            f"Case {digits[:4]}-{digits[4:]}",
            f"PID {digits}",
            f"MRN: {digits[:2]}-{digits[2:5]}-{digits[5:]}",
            f"Aufn.-Nr. {digits[:5]}/{digits[5:7]}",
        )[style % 5]


def invent(rng: np.random.Generator) -> Person:
    """Draws one person from the lists."""
    born = (int(rng.integers(1931, 2011)), int(rng.integers(1, 13)), int(rng.integers(1, 29)))
    return Person(
        family=str(rng.choice(FAMILY)),
        given=str(rng.choice(GIVEN)),
        born=born,
        number=int(rng.integers(10_000_000, 99_999_999)),
    )
