"""Whom alerts go to, as the settings say: a webhook, and addresses by mail.

Each message is sent by a child process that is ended at its limit, so a receiver that hangs holds
up nobody. Nothing of an address is ever said, only which channel it was.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from supervisor_core.notify.mail import Mail, MailServer, Security, send
from supervisor_core.notify.message import as_json
from supervisor_core.notify.webhook import Post, Waits, check_address, post
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings

T = TypeVar("T")
Content = Mapping[str, Any]
_SPARE_S = 5.0  # to import what sends


class Caller(Protocol):
    """Runs a function elsewhere and ends it at its limit: `deadline.Worker`."""

    def call(self, function: Callable[..., T], /, *args: Any, limit_s: float) -> T:
        """The function's result; raises what it raised, or that it did not end in time."""
        ...


class Channel(Protocol):
    """One way to tell somebody."""

    @property
    def name(self) -> str:
        """The word that stands for it in the store."""

    def receivers(self) -> tuple[str, ...]:
        """A mark of each receiver; one that has the message is not sent it again."""

    def deliver(self, worker: Caller, receiver: str, content: Content, sent: datetime) -> None:
        """Sends a message to one receiver; raises `Failed`."""


@dataclass(frozen=True)
class Webhook:
    """The operator's webhook."""

    settings: Settings
    name: str = "webhook"

    def receivers(self) -> tuple[str, ...]:
        """Just one."""
        return (self.name,)

    def deliver(
        self,
        worker: Caller,
        receiver: str,  # noqa: ARG002
        content: Content,
        sent: datetime,  # noqa: ARG002
    ) -> None:
        """Posts the message as JSON."""
        settings = self.settings
        url = settings.alert_webhook_url.get_secret_value() if settings.alert_webhook_url else ""
        hosts = settings.alert_host_names
        check_address(url, hosts)
        order = Post(url, str(content["id"]), as_json(content), hosts, _waits(settings))
        worker.call(post, order, limit_s=settings.alert_total_s + _SPARE_S)


@dataclass(frozen=True)
class ByMail:
    """The operator's mail server with all addresses."""

    settings: Settings
    name: str = "mail"

    def receivers(self) -> tuple[str, ...]:
        """A hash of each address."""
        return tuple(map(_mark, self.settings.alert_mail_addresses))

    def deliver(self, worker: Caller, receiver: str, content: Content, sent: datetime) -> None:
        """Sends the message to the address of this mark."""
        settings = self.settings
        by_mark = {_mark(one): one for one in settings.alert_mail_addresses}
        order = Mail(
            server=_server(settings),
            message=str(content["id"]),
            sent=sent,
            sender=settings.alert_mail_from,
            recipient=by_mark[receiver],
            subject=f"[supervisor] {content['subject']}",
            text=str(content["text"]),
        )
        worker.call(send, order, limit_s=settings.alert_total_s + _SPARE_S)


def channels_of(settings: Settings) -> list[Channel]:
    """The channels that are set, of which the journal is none: it is always written."""
    found: list[Channel] = []
    if settings.alert_webhook_url is not None:
        found.append(Webhook(settings))
    if settings.alert_smtp_host and settings.alert_mail_addresses:
        found.append(ByMail(settings))
    return found


def check_channels(settings: Settings) -> list[str]:
    """The names of the channels; raises `Failed` for one that can't work as it is set."""
    if settings.alert_webhook_url is not None:
        check_address(settings.alert_webhook_url.get_secret_value(), settings.alert_host_names)
    if bool(settings.alert_smtp_host) != bool(settings.alert_mail_addresses):
        missing = "alert_mail_to" if settings.alert_smtp_host else "alert_smtp_host"
        raise Failed(Reason.BAD_CONFIGURATION, setting=missing)
    if settings.alert_smtp_host:
        _server(settings).check()
    return [channel.name for channel in channels_of(settings)]


def _server(settings: Settings) -> MailServer:
    password = settings.alert_smtp_password
    return MailServer(
        host=settings.alert_smtp_host or "",
        port=settings.alert_smtp_port,
        security=Security(settings.alert_smtp_security),
        user=settings.alert_smtp_user,
        password=password.get_secret_value() if password else "",
        hosts=settings.alert_host_names,
        waits=_waits(settings),
    )


def _waits(settings: Settings) -> Waits:
    return Waits(settings.alert_connect_s, settings.alert_silence_s, settings.alert_total_s)


def _mark(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]
