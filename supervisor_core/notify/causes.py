"""What fails and what passes again, and of which of it somebody is to be told now.

A cause is a check with its severity, or a job with the reason that its runs fail for. It holds the
intakes that it befell, so two hundred of them are one cause with a count. Somebody is told

    that it fails         a while after it began, so that what comes together is told together and
                          what passes at once is not told at all; once in a window
    that it got worse     when intakes came to it since, again once in a window
    that it still fails   after a long time
    that it passes again  when nothing of it is left, and only who was told that it fails
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

Key = tuple[str, str]
STALE_PATIENCE = timedelta(minutes=25)
"""After a night in which nothing ran, what has to be fresh gets time to become it."""


class Kind(StrEnum):
    """What is told of a cause."""

    FAILING = "failing"
    PASSING = "passing"


@dataclass(frozen=True)
class Rules:
    """When somebody is told; see above."""

    gather: timedelta
    window: timedelta
    again: timedelta


@dataclass(frozen=True)
class Sign:
    """What one event says of a subject: that a cause befell an item, or (no cause) that it passed.

    `item` is an intake's key, empty for what is judged as a whole.
    """

    subject: str
    item: str
    cause: str | None
    at: datetime
    run: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Cause:
    """One cause with the items that it has befallen, each since when."""

    subject: str
    cause: str
    last: datetime
    items: Mapping[str, datetime] = field(default_factory=dict)
    run: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    told: datetime | None = None
    told_size: float = 0.0
    owed: bool = False

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.subject, self.cause

    @property
    def since(self) -> datetime:
        """Since when it fails."""
        return min(self.items.values(), default=self.last)

    @property
    def size(self) -> float:
        """How much of it there is: intakes, also those that a check over all has counted."""
        return max(float(len(self.items)), self.figures.get("intakes", 0.0))


@dataclass(frozen=True)
class Notice:
    """One cause that somebody is to be told of."""

    kind: Kind
    cause: Cause


def follow(causes: Iterable[Cause], signs: Iterable[Sign]) -> dict[Key, Cause]:
    """The causes after these signs, oldest first."""
    known = {cause.key: cause for cause in causes}
    for sign in signs:
        for key in [key for key in known if key[0] == sign.subject and key[1] != sign.cause]:
            known[key] = _without(known[key], sign.item)
        if sign.cause is not None:
            key = sign.subject, sign.cause
            known[key] = _with(known.get(key, Cause(*key, sign.at)), sign)
    return known


def _with(cause: Cause, sign: Sign) -> Cause:
    items = {**cause.items, sign.item: cause.items.get(sign.item, sign.at)}
    return replace(cause, items=items, last=sign.at, run=sign.run, figures=sign.figures)


def _without(cause: Cause, item: str) -> Cause:
    if item not in cause.items:
        return cause
    return replace(cause, items={one: at for one, at in cause.items.items() if one != item})


def forgotten(cause: Cause, now: datetime, rules: Rules, subjects: Set[str] | None) -> bool:
    """True when nothing more is to be said of it: it is over, or its check is gone."""
    is_check = cause.subject.startswith("check:")
    if is_check and subjects is not None and cause.subject not in subjects:
        return True
    recent = cause.told is not None and now - cause.told < rules.window
    return not cause.items and not cause.owed and not recent


def due(causes: Mapping[Key, Cause], now: datetime, rules: Rules) -> Iterator[Notice]:
    """What is to be told now."""
    over: dict[str, Cause] = {}
    for cause in causes.values():
        if cause.items and _fails_anew(cause, now, rules):
            yield Notice(Kind.FAILING, cause)
        elif not cause.items and cause.owed and not _changed_only(cause, causes):
            former = over.get(_once(cause))
            if former is None or _told(former) < _told(cause):
                over[_once(cause)] = cause
    yield from (Notice(Kind.PASSING, cause) for cause in over.values())


def told(causes: Mapping[Key, Cause], notices: Iterable[Notice], now: datetime) -> dict[Key, Cause]:
    """The causes once these notices are on their way."""
    after = {
        key: replace(cause, owed=cause.owed and (bool(cause.items) or _changed_only(cause, causes)))
        for key, cause in causes.items()
    }
    for notice in notices:
        if notice.kind is Kind.FAILING:
            cause = after[notice.cause.key]
            after[cause.key] = replace(cause, told=now, told_size=cause.size, owed=True)
    return after


def _once(cause: Cause) -> str:
    """What passes as one: a check whatever its severity was, but each reason of a job."""
    return cause.subject if cause.subject.startswith("check:") else "/".join(cause.key)


def _told(cause: Cause) -> datetime:
    return cause.told or cause.last


def _fails_anew(cause: Cause, now: datetime, rules: Rules) -> bool:
    if cause.told is not None and now - cause.told < rules.window:
        return False
    if not cause.owed:
        stale = cause.subject.startswith("fresh:")
        return now - cause.since >= (max(STALE_PATIENCE, rules.gather) if stale else rules.gather)
    assert cause.told is not None  # noqa: S101 - it is owed because it was told
    more = cause.size > cause.told_size or max(cause.items.values()) > cause.told
    return more or (now - cause.told >= rules.again and cause.last > cause.told)


def _changed_only(cause: Cause, causes: Mapping[Key, Cause]) -> bool:
    """True when the same check fails with another severity now: it does not pass."""
    return any(
        other.items and other.subject == cause.subject and other.subject.startswith("check:")
        for other in causes.values()
    )
