"""What is known by its form alone: ages, codes, institutions, and figures that mean no person."""

import re

from supervisor_core.cleaning.labels import OLDEST_YEARS
from supervisor_core.cleaning.ocr_text import digits

_AGE = re.compile(
    r"(?<![\w.,:/])(?P<years>\d{1,3})\s?-?\s?"
    r"(?:J(?:\.|\b)|[Jj]ahren?\b|Jhr?e?\b|j(?:ä|ae|a)hrige?r?\b|(?i:y(?:/?o|rs?|ears?)?)\b"
    r"|(?i:mon(?:ate?|ths?)?|mos?|wochen|weeks)\b\.?)(?:\s?old\b)?"
    r"|(?<!\w)[MWF]\s?/\s?(?P<behind>\d{2,3})(?!\w)"
    r"|(?<![\w.,])(?P<before>\d{2,3})\s?/\s?[MWF](?!\w)"
)
_STRETCH = re.compile(r"[^\0,;|]+")
_INSTITUTION = re.compile(
    r"k[l1i]inik|krankenhaus|krankenanstalt|sp[il1]tal|h[o0]sp[il1]ta[l1]"
    r"|praxis|ambulanz|sanat[o0]rium|infirmary|charit(?:é|e)\b|\bmvz\b|\bnhs\b"
    r"|med(?:ical|\.)?\s?(?:ctr|cent(?:er|re))|health\s?(?:system|cent|care|service)"
    r"|clinic(?!al)|(?:arzt|ärzte|gesundheits|diagnostik|endoskopie|medizin)\w{0,8}zentrum"
    r"|institut\s?f(?:ü|ue|u)r|department\s?of|university|universit(?:ä|ae|a)t",
    re.IGNORECASE,
)
_DEVICE_MODEL = re.compile(
    r"(?:GIF|CF|PCF|TJF|BF|SIF|LTF|CV|CLV|CHF|EG|EC|ED|EB|EPK|VP|BL|OTV|UHI)"
    r"-[A-Z]{0,4}\d{2,4}[A-Z]{0,4}"
)
_UNIT = (
    r"(?:[mcdkµn]?m[23]?|m?l|[mµn]?s|min|h|[kMG]?Hz|dB|k[Vv]|mAs?|mmHg|bpm|fps|%|°[CF]?|[xX]|px"
    r"|dpi|[kMGT]B|[MGk]?bit|[MGk]bps|[mk]?W|cd|lx|EV|MP|[mk]?Pa|k?g|mg)"
)
_QUANTITY = rf"\d{{1,4}}(?:[.,]\d{{1,3}})?\s?{_UNIT}"
_RESOLUTION = r"\d{3,4}\s?[x×*]\s?\d{3,4}(?:[pi]\d{0,2})?|\d{3,4}[pi]\d{0,2}|[248][Kk]"
_FIGURE = re.compile(
    rf"[+\-±<>=~]?(?:(?:{_QUANTITY}){{1,3}}|{_RESOLUTION}|\d|\d[.,]\d{{1,2}}|\d{{2,3}}[.,]\d"
    r"|[A-HJ-NP-Z]\d)"
)
_MEASURE = re.compile(rf"(?<![\w.,/:\-]){_QUANTITY}(?![\w/])")
_CODE = re.compile(r"[A-Za-z0-9|]+(?:[-/.][A-Za-z0-9|]+){0,6}")
_JOINT = re.compile(r"[-/.]")
_RUN_DIGITS = 6
_MIXED_LENGTH = 5
_MIXED_DIGITS = 4

Places = list[tuple[int, int]]


def find_ages(text: str) -> Places:
    """Where a text has an age with its unit or beside a sex: "29 J.", "29yo", "M/29"."""
    return [match.span() for match in _AGE.finditer(text) if _is_age(match)]


def find_institutions(text: str) -> Places:
    """The stretches of a text, up to a comma or another finding, that name a clinic or practice."""
    return [match.span() for match in _STRETCH.finditer(text) if _names_institution(match[0])]


def find_codes(text: str) -> Places:
    """Where a text has digit runs of six or more, or codes mixed of letters and digits."""
    return [match.span() for match in _CODE.finditer(text) if _is_code(match[0])]


def is_figure(piece: str) -> bool:
    """True for a measure, a resolution, a single digit or a device's model."""
    return bool(_FIGURE.fullmatch(piece) or _DEVICE_MODEL.fullmatch(piece))


def without_measures(text: str) -> str:
    """The text without its figures that carry a unit: "120 mm", "50 Hz"."""
    return _MEASURE.sub(" ", text)


def _is_age(match: re.Match[str]) -> bool:
    return int(match["years"] or match["behind"] or match["before"]) <= OLDEST_YEARS


def _names_institution(stretch: str) -> bool:
    return bool(_INSTITUTION.search(stretch) or _INSTITUTION.search(stretch.replace(" ", "")))


def _is_code(token: str) -> bool:
    if is_figure(token):
        return False
    pieces = _JOINT.split(token)
    joined_digits = _figures(token) if len(pieces) > 1 else 0
    return joined_digits >= _RUN_DIGITS or any(map(_is_code_piece, pieces))


def _is_code_piece(piece: str) -> bool:
    figures = _figures(piece)
    if figures < _MIXED_DIGITS or is_figure(piece):
        return False
    run = digits(piece)
    if run.isdigit():
        return len(run) >= _RUN_DIGITS
    return len(piece) >= _MIXED_LENGTH


def _figures(piece: str) -> int:
    return sum(map(str.isdigit, piece))
