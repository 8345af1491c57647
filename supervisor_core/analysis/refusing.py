"""Telling a refusal from an answer in a wrong shape, in English and German.

Only sentences in the first person count: "I can't help with that" refuses, "the climber can't reach
the hold" describes.
"""

import re
from collections.abc import Mapping
from typing import Any

LOOKED_AT = 2_000

_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_WORDS = frozenset(("refused", "refusal", "refuse", "declined", "rejected", "denied"))
_ENGLISH = (
    r"\bI(?: ?am|'m)? (?:really |sorry,? (?:but )?I )?"
    r"(?:can(?:no|')t|can not|won't|will not|must not|must decline|(?:have to )?decline|refuse"
    r"|not (?:able|allowed|permitted|comfortable)|unable)\b"
    r"[^.!?]{0,40}\b(?:help|assist|compl|provid|analy|identif|rat(?:e|ing)|scor|judg|evaluat"
    r"|assess|describ|answer|respond|fulfil|continu|discuss|engag|proceed|do (?:that|this|so)|to)"
)
_GERMAN = (
    r"\b(?:ich (?:kann|darf|werde|möchte)|(?:kann|darf|werde|möchte) ich)\b[^.!?]{0,60}\bnicht\b"
    r"[^.!?]{0,60}\b(?:helf|beantwort|analys|identifiz|bewert|beurteil|beschreib|einschätz|tun\b"
    r"|weiter|unterstütz|nachkommen|erfüll|machen\b|mach\b)"
    r"|\bich (?:lehne|weigere)\b|\bich bin nicht in der Lage\b|\bbin ich nicht in der Lage\b"
    r"|\bdabei kann ich\b[^.!?]{0,40}\bnicht\b"
)
_REFUSAL = re.compile(f"{_ENGLISH}|{_GERMAN}", re.IGNORECASE)


def is_refusal(text: str) -> bool:
    """True when the beginning of a text says that its writer can't or won't help."""
    said = _THOUGHTS.sub("", text)[:LOOKED_AT].replace("’", "'")
    return bool(_REFUSAL.search(said))


def declines(answer: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """True when an answer refuses as a whole, in a field that was not asked for."""
    told = {name: value for name, value in answer.items() if name not in asked}
    words = (told.get(name) for name in ("status", "state", "reason"))
    if any(isinstance(word, str) and word.strip().lower() in _WORDS for word in words):
        return True
    refusal = told.get("refusal", told.get("refused"))
    return refusal is True or (isinstance(refusal, str) and bool(refusal.strip()))
