"""Labels that stand before an identifier ("Name:", "geb.", "Fall-Nr"), and what follows them."""

import re
from enum import StrEnum


class IdentifierKind(StrEnum):
    """What an identifier says about a person or an examination."""

    PATIENT_NAME = "patient_name"
    BIRTH_DATE = "birth_date"
    DATE = "date"
    TIME = "time"
    CASE_NUMBER = "case_number"
    PATIENT_ID = "patient_id"
    AGE = "age"
    INSTITUTION = "institution"
    SERIAL = "serial"


OLDEST_YEARS = 125
"""The highest number that is taken for an age in years."""

_NUMBER = r"(?:n[or0]\.?|n[ou]mmer|num(?:ber)?|[il1]d|#|code)"
_PATIENT = r"(?:pat(?:ient(?:en|in|s)?)?|pt)"
_LABELS = (
    (
        IdentifierKind.BIRTH_DATE,
        r"geb(?:urts?|oren(?:\s?am)?)?[\s.\-]{0,2}(?:dat(?:um)?|tag)?|d[.\s]?[o0][.\s]?[b8]"
        r"|date\s?of\s?birth|birth[\s\-]?da(?:te|y)|born(?:\s?on)?",
    ),
    (
        IdentifierKind.PATIENT_ID,
        rf"{_PATIENT}[\s.\-]{{0,2}}{_NUMBER}|mrn|med[\s.]?rec[\s.]?(?:{_NUMBER})?"
        rf"|p[il1]d|hosp(?:ital)?[\s.]?{_NUMBER}|kvnr|nhs(?:[\s.]?{_NUMBER})?|ssn"
        rf"|vers(?:icherten|icherungs)?[\s.\-]?{_NUMBER}|[il]d(?:[\s.\-]?{_NUMBER})?",
    ),
    (
        IdentifierKind.CASE_NUMBER,
        r"(?:fall|case|aufnahme|acc(?:ession)?|auftrags?|untersuchungs?|study|studien|exam|visit"
        rf"|episode|anforderungs?|order)(?:[\s.\-]{{0,2}}{_NUMBER}|(?=\s?:))|(?:fall|case)",
    ),
    (
        IdentifierKind.SERIAL,
        rf"s\s?/\s?n|sn|ser(?:ien|ial)?[\s.\-]{{0,2}}{_NUMBER}|device[\s\-]?{_NUMBER}"
        rf"|ger(?:ä|ae|a)te?[\s\-]?{_NUMBER}",
    ),
    (IdentifierKind.AGE, r"(?:lebens)?alter|age"),
    (
        IdentifierKind.PATIENT_NAME,
        rf"(?:{_PATIENT}[\s.\-]{{0,2}})?(?:(?:vor|nach|familien|geburts|first|last|given|family|sur"
        rf"|full|user)[\s\-]?)?name[ns]?|{_PATIENT}|arzt|(?:ä|ae|a)rztin|untersucher(?:in)?"
        r"|operateur(?:in)?|überweiser|physician|doctor|operator|surgeon|nurse|assistenz"
        r"|ref[\s.]?by",
    ),
)
_ENDS = r"(?![^\W\d_])"
# "NameMüller": the blank was lost, but a small letter followed by a capital shows where it was.
_ENDS_AT_HUMP = rf"(?:{_ENDS}|(?<=[a-zäöü])(?=[A-ZÄÖÜ]))"
_ALL = "|".join(
    f"(?P<{kind}>(?i:{form}){_ENDS_AT_HUMP if kind is IdentifierKind.PATIENT_NAME else _ENDS})"
    for kind, form in _LABELS
)
_LABEL = re.compile(
    rf"(?<![^\W_])(?:{_ALL}|(?P<star>\*)(?=\s?\d{{1,2}}[./\-]))\.?\s?(?P<colon>[:=#]?)\.?\s?"
)
_VALUE = re.compile(r"[A-Za-z0-9][\w./\-]{0,39}(?:\s\d{2,}){0,4}")
_YEARS = re.compile(r"\d{1,3}(?!\d)")
_WEAK = frozenset(("fall", "case", "id", "ld", "sn"))
_WEAK_DIGITS = 4


def find_labels(text: str) -> list[re.Match[str]]:
    """The labels in a text, each with the blanks and the colon (group `colon`) behind it."""
    return list(_LABEL.finditer(text))


def label_kind(label: re.Match[str]) -> IdentifierKind:
    """Which kind of identifier a label announces."""
    found = (kind for kind, _ in _LABELS if label[kind] is not None)
    return next(found, IdentifierKind.BIRTH_DATE)


def find_value(
    text: str, label: re.Match[str], end: int, kind: IdentifierKind
) -> tuple[int, int] | None:
    """Where the number, code or age behind a label stands, at the latest ending at `end`."""
    value = (_YEARS if kind is IdentifierKind.AGE else _VALUE).match(text, label.end(), end)
    if value is None or (kind is IdentifierKind.AGE and int(value[0]) > OLDEST_YEARS):
        return None
    figures = sum(map(str.isdigit, value[0]))
    weak = not label["colon"] and label[0].strip(" .").lower() in _WEAK
    spelled_out = kind is IdentifierKind.PATIENT_ID and label["colon"] and len(value[0]) > 2
    needed = _WEAK_DIGITS if weak or kind is IdentifierKind.BIRTH_DATE else 1
    return value.span() if figures >= needed or spelled_out else None
