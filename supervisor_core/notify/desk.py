"""Takes in what fails, decides what is told, and delivers it: once, and however long it takes.

What is seen, what is to be told and how far Dagster's events were read are written in one
transaction. So nothing is lost and nothing is told twice whenever a process dies; only a message
whose receiver has it while its sender dies before that is written down is sent again, with the same
id.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from supervisor_core.journal import note
from supervisor_core.notify.causes import Notice, Rules, Sign, due, follow, forgotten, told
from supervisor_core.notify.channels import Caller, Channel, channels_of
from supervisor_core.notify.message import as_json, journal_line, message_of
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Connection, Store, alerts
from supervisor_core.store.alerts import Delivery, State

_BUDGET_S = 20.0  # and one more try: a sensor has a minute
_AT_ONCE = 10
_FAR = 5000
_CLAIM = timedelta(seconds=120)


@dataclass(frozen=True)
class Delivered:
    """What became of the messages that were due."""

    sent: int = 0
    failed: int = 0
    reason: Reason | None = None


@dataclass(frozen=True)
class Desk:
    """Alerts of one store; `worker` makes what sends in a process of its own."""

    store: Store
    settings: Settings
    worker: Callable[[], AbstractContextManager[Caller]]

    @property
    def rules(self) -> Rules:
        """When somebody is told."""
        settings = self.settings
        seconds = (settings.alert_gather_s, settings.alert_window_s, settings.alert_again_s)
        return Rules(*(timedelta(seconds=one) for one in seconds))

    def position(self) -> int | None:
        """How far events were read; None before the first look."""
        with self.store.read() as connection:
            return alerts.position(connection)

    def subjects_failing(self) -> frozenset[str]:
        """What fails at this moment."""
        with self.store.read() as connection:
            return frozenset(one.subject for one in alerts.causes(connection) if one.items)

    def report(
        self, signs: Iterable[Sign], position: int, subjects: Set[str] | None = None
    ) -> tuple[Notice, ...]:
        """Takes in signs up to a position, and queues one message about all that is due now.

        `subjects` are the checks that there are, where that is known. Writes nothing when nothing
        has changed, unless the position has moved far.
        """
        signs = list(signs)
        with self.store.read() as connection:
            former = alerts.position(connection)
            before = {cause.key: cause for cause in alerts.causes(connection)}
        now = self.store.now()
        near = former is not None and 0 <= position - former < _FAR
        if near and not signs and not any(due(before, now, self.rules)):
            return ()
        with self.store.write() as connection:
            notices = self._follow(connection, signs, subjects)
            alerts.move(connection, position, now)
        return notices

    def _follow(
        self, connection: Connection, signs: Iterable[Sign], subjects: Set[str] | None
    ) -> tuple[Notice, ...]:
        now = self.store.now()
        before = {cause.key: cause for cause in alerts.causes(connection)}
        causes = follow(before.values(), signs)
        notices = tuple(due(causes, now, self.rules))
        after = told(causes, notices, now)
        gone = [one for one in after.values() if forgotten(one, now, self.rules, subjects)]
        changed = [one for key, one in after.items() if before.get(key) != one and one not in gone]
        alerts.save(connection, changed, gone)
        if notices:
            self._queue(connection, notices, now)
        return notices

    def _queue(self, connection: Connection, notices: tuple[Notice, ...], now: datetime) -> None:
        message = uuid.uuid4().hex
        content = message_of(message, notices, now, self.settings.ui_url)
        names = [channel.name for channel in channels_of(self.settings)]
        alerts.queue(connection, message, as_json(content), names, now)
        for notice in notices:
            note(journal_line(notice, message, now))

    def deliver(self) -> Delivered:
        """Sends what is due, oldest first; a channel that fails is left alone for this time."""
        with self.store.read() as connection:
            waiting = alerts.waiting(connection, self.store.now(), _AT_ONCE)
        if not waiting:
            return Delivered()
        known = {channel.name: channel for channel in channels_of(self.settings)}
        end_s = time.monotonic() + _BUDGET_S
        done, down = Delivered(), set()
        with self.worker() as worker:
            for delivery in waiting:
                if (
                    delivery.channel in down
                    or time.monotonic() > end_s
                    or not self._claim(delivery)
                ):
                    continue
                failed = self._send(worker, known.get(delivery.channel), delivery, end_s)
                done = _counted(done, failed)
                if failed:
                    down.add(delivery.channel)
        return done

    def _claim(self, delivery: Delivery) -> bool:
        now = self.store.now()
        with self.store.write() as connection:
            return alerts.claim(connection, delivery, now, now + _CLAIM)

    def _send(
        self, worker: Caller, channel: Channel | None, delivery: Delivery, end_s: float
    ) -> Reason | None:
        """Sends one message to those who do not have it yet, and writes down who has.

        Those for whom no time is left are for the next time.
        """
        held = replace(delivery, tries=delivery.tries + 1)
        if channel is None:  # nobody is to be told there any more
            self._write(replace(held, state=State.GIVEN_UP, reason=None))
            return None
        reason: Reason | None = None
        for receiver in channel.receivers():
            if receiver in held.reached:
                continue
            if time.monotonic() > end_s:
                self._write(replace(held, not_before=self.store.now()))
                return None
            try:
                channel.deliver(worker, receiver, json.loads(held.content), self.store.now())
            except Failed as failed:
                reason = failed.reason
                break
            held = replace(held, reached=held.reached | {receiver})
            self._write(held)
        self._write(self._after(held, reason))
        return reason

    def _after(self, held: Delivery, reason: Reason | None) -> Delivery:
        """A delivery that was tried: sent, to be tried again after a longer wait, or given up."""
        if reason is None:
            return replace(held, state=State.SENT, reason=None)
        settings, now = self.settings, self.store.now()
        old = held.created and now - held.created > timedelta(days=settings.alert_kept_days)
        doubled_s = settings.alert_retry_first_s * 2.0 ** min(held.tries - 1, 20)
        wait = timedelta(seconds=min(doubled_s, settings.alert_retry_longest_s))
        state = State.GIVEN_UP if old else State.PENDING
        return replace(held, state=state, reason=reason, not_before=now + wait)

    def _write(self, delivery: Delivery) -> None:
        now = self.store.now()
        with self.store.write() as connection:
            alerts.write(connection, delivery, now)


def _counted(done: Delivered, failed: Reason | None) -> Delivered:
    if failed is None:
        return replace(done, sent=done.sent + 1)
    return replace(done, failed=done.failed + 1, reason=failed)
