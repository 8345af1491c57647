"""`alert`: what fails now and who could not be told; `alert --test` tells everybody something."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import typer

from supervisor_assets.cli import say
from supervisor_assets.cli.codes import Code
from supervisor_assets.cli.installation import existing_store
from supervisor_core.deadline import Worker
from supervisor_core.notify.channels import Channel, channels_of, check_channels
from supervisor_core.notify.message import test_message
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import alerts
from supervisor_core.store.alerts import Undelivered

_GRACE_S = 0.5
_SHOWN = 5


@dataclass(frozen=True)
class Tried:
    """How a test message fared with one receiver, who is the first or a later one of its kind."""

    channel: str
    receiver: int
    reached: bool
    reason: Reason | None = None
    said: str = ""


def send_test(*, as_json: bool) -> None:
    """Sends the same message to each receiver, and says of each whether it was taken."""
    settings = Settings.load()
    check_channels(settings)
    with Worker(grace_s=_GRACE_S) as worker:
        tried = [one for channel in channels_of(settings) for one in _try(channel, worker)]
    if as_json:
        say.data_json([asdict(one) for one in tried])
    else:
        _print(tried)
    if not tried or not all(one.reached for one in tried):
        raise typer.Exit(Code.FAILED)


def _try(channel: Channel, worker: Worker) -> Iterator[Tried]:
    now = datetime.now(UTC)
    content = test_message(uuid.uuid4().hex, now)
    for number, receiver in enumerate(channel.receivers(), 1):
        try:
            channel.deliver(worker, receiver, content, now)
        except Failed as failed:
            said = str(failed).removeprefix(f"{failed.reason}: ")
            yield Tried(channel.name, number, False, failed.reason, said)
        else:
            yield Tried(channel.name, number, True)


def _print(tried: list[Tried]) -> None:
    if not tried:
        say.note("Nobody is told: set SUPERVISOR_ALERT_WEBHOOK_URL, or SUPERVISOR_ALERT_SMTP_HOST")
        say.note("and SUPERVISOR_ALERT_MAIL_TO. Alerts stand in logs/supervisor.jsonl anyway.")
        return
    columns = ("channel", "receiver", "state", "found")
    rows = [
        (one.channel, one.receiver, "ok" if one.reached else "failed", one.said) for one in tried
    ]
    say.table(columns, rows)
    for reason in sorted({one.reason for one in tried if one.reason}):
        say.note(f"{reason}: {reason.next_step}")


def show(*, as_json: bool) -> None:
    """Prints what fails at this moment, and whether everybody knows."""
    settings = Settings.load()
    store = existing_store(settings)
    with store.read() as connection:
        causes = [one for one in alerts.causes(connection) if one.items]
        kept = timedelta(days=settings.alert_kept_days)
        untold = alerts.undelivered(connection, store.now(), kept)
    if as_json:
        failing = [
            {
                "subject": one.subject,
                "cause": one.cause,
                "since": one.since.isoformat(),
                "told": one.told.isoformat() if one.told else None,
                "intakes": sorted(item for item in one.items if item),
            }
            for one in causes
        ]
        waiting = {"waiting": untold.waiting, "given_up": untold.given_up, "reason": untold.reason}
        say.data_json({"failing": failing, "not_delivered": waiting})
        return
    rows = [
        (one.subject, one.cause, f"{one.since.astimezone(UTC):%Y-%m-%d %H:%M}", _intakes(one.items))
        for one in causes
    ]
    say.table(("subject", "cause", "since (UTC)", "intakes"), rows)
    _note(untold)


def _intakes(items: Iterable[str]) -> str:
    keys = sorted(item for item in items if item)
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more


def _note(untold: Undelivered) -> None:
    if untold.any:
        reason = Reason.ALERT_NOT_DELIVERED
        say.note(
            f"{untold.waiting} messages wait, {untold.given_up} were given up"
            f" ({untold.reason or '-'}). {reason.next_step}"
        )
