"""From what a model said to a value of the asked shape, or the reason why there is none.

Only packaging is forgiven: prose, code fences and thoughts around the answer, and line breaks
inside its texts. Nothing is repaired, since that would mean to make something up.

    INVALID_JSON      no whole JSON object is in it
    PARSE_ERROR       an object that different readers understand differently, or that no other
                      system takes: NaN, infinite numbers, a field twice, broken Unicode, too deep
    MISSING_KEY       all that is wrong with it: fields are missing
    SCHEMA_MISMATCH   any other difference from the schema
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from jsonschema import ValidationError
from jsonschema.validators import validator_for

from supervisor_core.reasons import Failed, Reason

DEPTH_MAX = 32
_TRIES_MAX = 32
_DIGITS_MAX = 400  # no more than a float can hold

_START = re.compile(r"[{\[]|<think>")
_STEP = re.compile(r'[{}\[\]]|"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_THOUGHT_END = "</think>"


def parse(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The first whole JSON object of a model's answer, checked against a JSON schema.

    Raises `Failed`: INVALID_JSON, PARSE_ERROR, MISSING_KEY or SCHEMA_MISMATCH.
    """
    value = first_object(text)
    _check(value, schema)
    return value


def first_object(text: str) -> dict[str, Any]:
    """The first whole JSON object of a model's answer, whatever is in it.

    Raises `Failed`: INVALID_JSON, PARSE_ERROR or SCHEMA_MISMATCH for another value.
    """
    value = _first(text)
    if value is None:
        raise Failed(Reason.INVALID_JSON, length=len(text))
    if not isinstance(value, dict):
        raise Failed(Reason.SCHEMA_MISMATCH, error="not_an_object")
    return value


def _first(text: str) -> Any:
    """The first JSON value that could be meant as an answer; nothing when there is none."""
    if not _START.search(text):
        return _loaded(text.strip())
    position = 0
    for _ in range(_TRIES_MAX):
        start = _START.search(text, position)
        if start is None:
            return None
        if start[0] == "<think>":
            position = text.find(_THOUGHT_END, start.end())
            if position < 0:
                return None
            continue
        end = _end(text, start.start())
        value = _loaded(text[start.start() : end]) if end else None
        if _is_answer(value):
            return value
        if start[0] == "{" and end is None:
            # Cut short: what is whole inside it was never meant to stand alone.
            return None
        position = end if end and start[0] == "{" else start.end()
    return None


def _is_answer(value: Any) -> bool:
    """True for objects, and for lists of them; a list of anything else may be a footnote [1]."""
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(entry, dict) for entry in value)
    )


def _end(text: str, start: int) -> int | None:
    """Where the bracket that opens at `start` is closed again."""
    depth = 0
    for step in _STEP.finditer(text, start):
        match step[0]:
            case "{" | "[":
                depth += 1
            case "}" | "]":
                depth -= 1
        if depth > DEPTH_MAX:
            raise Failed(Reason.PARSE_ERROR, error="depth", depth_max=DEPTH_MAX)
        if depth == 0:
            return step.end()
    return None


def _loaded(text: str) -> Any:
    """The value of a JSON text; nothing when it is no JSON."""
    try:
        value = json.loads(
            text,
            strict=False,
            parse_constant=_refuse,
            parse_int=_integer,
            parse_float=_finite,
            object_pairs_hook=_once,
        )
    except (ValueError, RecursionError):
        return None
    _check_characters(json.dumps(value, ensure_ascii=False) if "\\u" in text else text)
    return value


def _check_characters(text: str) -> None:
    """Refuses half characters, which no file and no database takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Failed(Reason.PARSE_ERROR, error="unicode") from None


def _refuse(name: str) -> NoReturn:  # noqa: ARG001
    raise Failed(Reason.PARSE_ERROR, error="not_a_number")


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS_MAX:
        raise Failed(Reason.PARSE_ERROR, error="number_length")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Failed(Reason.PARSE_ERROR, error="not_finite")
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise Failed(Reason.PARSE_ERROR, error="field_twice")
    return content


def _check(value: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Compares with the schema; what is named of it, a missing field, is a word of ours."""
    errors = list(validator_for(schema)(schema).iter_errors(value))
    if not errors:
        return
    missing = [error for error in errors if error.validator == "required"]
    if len(missing) < len(errors):
        raise Failed(Reason.SCHEMA_MISMATCH, errors=len(errors))
    raise Failed(Reason.MISSING_KEY, errors=len(errors), key=_missing(missing[0]))


def _missing(error: ValidationError) -> str:
    return next(str(name) for name in error.validator_value if name not in error.instance)
