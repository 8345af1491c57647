"""What is told: one message about many causes, in numbers, words of ours and keys of intakes."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from supervisor_core.notify.causes import Cause, Kind, Notice
from supervisor_core.reasons import Reason
from supervisor_core.runbook.entries import explained

SHOWN_CAUSES = 20
NO_REASON = "NO_REASON"
"""The cause of a run that failed without one of our reasons: its process died, or Dagster did."""
SHOWN_INTAKES = 10
_REASONS = {reason.value: reason for reason in Reason}
_INTAKE = re.compile(r"\d{8}_[A-Z2-7]{10}")
_ORDER = {"ERROR": 0, "WARN": 2}


def known_item(partition: str | None) -> str:
    """The key of an intake as it is; anything else that a partition may be called is not told."""
    if not partition:
        return ""
    return partition if _INTAKE.fullmatch(partition) else "other"


def message_of(
    message: str, notices: Sequence[Notice], now: datetime, ui_url: str | None
) -> dict[str, Any]:
    """One message as JSON: the worst first, `text` for people, `id` the same in every try."""
    ordered = sorted(notices, key=_rank)
    shown = [_told(notice, ui_url) for notice in ordered[:SHOWN_CAUSES]]
    subject = _subject(notices)
    left = len(ordered) - len(shown)
    lines = [_line(one) for one in shown] + ([f"... and {left} more"] if left else [])
    return {
        "id": message,
        "time": _moment(now),
        "subject": subject,
        "text": "\n".join([subject, "", *lines]),
        "failing": sum(notice.kind is Kind.FAILING for notice in notices),
        "passing": sum(notice.kind is Kind.PASSING for notice in notices),
        "causes": shown,
        "causes_not_shown": left,
    }


def test_message(message: str, now: datetime) -> dict[str, Any]:
    """A message that somebody sends to see whether it arrives."""
    subject = "Supervisor: a test"
    text = f"{subject}\n\nThis was sent by `supervisor-assets alert --test`. Nothing is wrong."
    told = {"failing": 0, "passing": 0, "causes": [], "causes_not_shown": 0, "test": True}
    return {"id": message, "time": _moment(now), "subject": subject, "text": text, **told}


def journal_line(notice: Notice, message: str, now: datetime) -> dict[str, object]:
    """The same notice as an event of the journal."""
    cause = notice.cause
    failing = notice.kind is Kind.FAILING
    return {
        "time": now,
        "event": "alert",
        "state": notice.kind,
        "subject": cause.subject,
        "cause": cause.cause,
        "error": cause.cause if failing else None,
        "intakes": int(cause.size) if failing else None,
        "run": cause.run,
        "message": message,
    }


def _rank(notice: Notice) -> tuple[int, int, str]:
    cause = notice.cause
    passing = notice.kind is Kind.PASSING
    return int(passing), _ORDER.get(cause.cause, 1), cause.subject


def _subject(notices: Sequence[Notice]) -> str:
    failing = sum(notice.kind is Kind.FAILING for notice in notices)
    passing = len(notices) - failing
    parts = []
    if failing:
        parts.append("1 fails" if failing == 1 else f"{failing} fail")
    if passing:
        parts.append("1 passes again" if passing == 1 else f"{passing} pass again")
    return f"Supervisor: {', '.join(parts)}"


def _told(notice: Notice, ui_url: str | None) -> dict[str, Any]:
    cause = notice.cause
    keys = sorted(item for item in cause.items if item)
    told: dict[str, Any] = {
        "state": notice.kind.value,
        **_names(cause),
        "cause": cause.cause,
        "since": _moment(cause.since),
        "last": _moment(cause.last),
        "intakes": len(keys),
        "first_intakes": keys[:SHOWN_INTAKES],
        "figures": dict(cause.figures),
        "run": cause.run,
        "link": _link(cause, ui_url),
        "explain": _explain(cause),
    }
    reason = _REASONS.get(cause.cause)
    if reason:
        told |= {"sentence": reason.sentence, "next_step": reason.next_step}
    elif cause.cause == NO_REASON:
        told |= {"sentence": "The run ended without saying why.", "next_step": "See its page."}
    return told


def _names(cause: Cause) -> dict[str, str]:
    kind, _, rest = cause.subject.partition(":")
    if kind == "check":
        asset, _, check = rest.rpartition(":")
        return {"kind": "check", "asset": asset, "check": check}
    return {"kind": "run", "job": rest} if kind == "run" else {"kind": "freshness", "asset": rest}


def _explain(cause: Cause) -> str | None:
    """The command that says more: of a check by its name, else of what it failed for."""
    return explained(_names(cause).get("check", cause.cause))


def _link(cause: Cause, ui_url: str | None) -> str | None:
    if not ui_url:
        return None
    root, names = ui_url.rstrip("/"), _names(cause)
    if "job" in names:
        return f"{root}/runs/{quote(cause.run, safe='')}" if cause.run else None
    page = f"{root}/assets/{quote(names['asset'])}"
    return f"{page}?view=checks&checkDetail={quote(names['check'])}" if "check" in names else page


def _line(told: Mapping[str, Any]) -> str:
    """One cause for people."""
    subject = {
        "check": "check {check} of {asset}",
        "run": "runs of {job}",
        "freshness": "asset {asset}",
    }[told["kind"]].format(**told)
    if told["state"] == Kind.PASSING:
        return f"PASSES AGAIN  {subject} ({told['cause']})" + _after(told)
    keys = told["first_intakes"]
    more = f" and {told['intakes'] - len(keys)} more" if told["intakes"] > len(keys) else ""
    befallen = f"; {told['intakes']} intakes: {', '.join(keys)}{more}" if keys else ""
    figures = ", ".join(f"{name} {value:g}" for name, value in told["figures"].items())
    facts = f"; {figures}" if figures and not keys else ""
    said = f". {told['sentence']} {told['next_step']}" if "sentence" in told else ""
    failing = f"FAILS  {subject} ({told['cause']}) since {told['since']}{befallen}{facts}{said}"
    return failing + _after(told) + (f"\n  {told['explain']}" if told["explain"] else "")


def _after(told: Mapping[str, Any]) -> str:
    return f"\n  {told['link']}" if told["link"] else ""


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(content: Mapping[str, Any]) -> str:
    """A message as it is kept and sent; ASCII, so that nothing on its way can break it."""
    return json.dumps(content)
