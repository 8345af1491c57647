"""A message by mail: one connection for one address, encrypted unless the operator says otherwise.

It runs in a child process that is ended at its limit. What a mail server answers is never passed
on: only its code is.
"""

import smtplib
import socket
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum

from supervisor_core.notify.webhook import Waits
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.addresses import resolve
from supervisor_core.remote.web import tls_context


class Security(StrEnum):
    """How a connection to a mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True)
class MailServer:
    """The operator's mail server; `hosts` may be private, and be spoken to without TLS."""

    host: str
    port: int
    security: Security
    user: str = field(repr=False)
    password: str = field(repr=False)
    hosts: frozenset[str] = field(repr=False)
    waits: Waits

    def check(self) -> None:
        """Raises `Failed(ADDRESS_FORBIDDEN)` for what may not go unencrypted."""
        if self.security is Security.NONE and self.host.lower() not in self.hosts:
            raise Failed(Reason.ADDRESS_FORBIDDEN, setting="alert_hosts")


@dataclass(frozen=True)
class Mail:
    """One message for one address."""

    server: MailServer
    message: str
    sent: datetime
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    subject: str
    text: str = field(repr=False)


def send(order: Mail) -> None:
    """Hands a message over to the mail server.

    Raises `Failed`: TRANSPORT_ERROR (the server is away, or says "later", 4xx), TIMEOUT,
    MAIL_REFUSED (it will not take this, 5xx, or offers no encryption), ADDRESS_FORBIDDEN.
    """
    server = order.server
    server.check()
    try:
        with closing(_connected(server)) as smtp:
            if server.user:
                smtp.login(server.user, server.password)
            smtp.send_message(_message(order), order.sender, [order.recipient])
            with suppress(OSError, smtplib.SMTPException):  # it has the message already
                smtp.quit()
    except smtplib.SMTPNotSupportedError:
        raise Failed(Reason.MAIL_REFUSED, step="encryption_or_login") from None
    except smtplib.SMTPRecipientsRefused as refused:
        code = next(iter(refused.recipients.values()))[0]
        raise _refusal(code) from None
    except smtplib.SMTPResponseException as refused:
        raise _refusal(refused.smtp_code) from None
    except TimeoutError:
        raise Failed(Reason.TIMEOUT, limit_s=server.waits.silence_s) from None
    except (OSError, smtplib.SMTPException):
        raise Failed(Reason.TRANSPORT_ERROR, step="mail") from None
    except ValueError:  # a line break in an address
        raise Failed(Reason.BAD_CONFIGURATION, setting="alert_mail_to") from None


def _connected(server: MailServer) -> smtplib.SMTP:
    smtp = _Smtp(server)
    try:
        smtp.connect(server.host, server.port)
        smtp.ehlo_or_helo_if_needed()
        if server.security is Security.STARTTLS:
            smtp.starttls(context=tls_context())
    except BaseException:
        smtp.close()
        raise
    return smtp


class _Smtp(smtplib.SMTP):
    """Connects to an address that was checked, and asks no name service for its own name."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        super().__init__(local_hostname=socket.gethostname(), timeout=server.waits.silence_s)
        self._host = server.host  # the name that its certificate is checked against

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        private = host.lower() in self._server.hosts
        plain = _dial(resolve(host, port, may_be_private=private), self._server.waits.connect_s)
        plain.settimeout(timeout)
        if self._server.security is not Security.TLS:
            return plain
        return tls_context().wrap_socket(plain, server_hostname=host)


def _dial(addresses: list[tuple[socket.AddressFamily, str, int]], limit_s: float) -> socket.socket:
    for _, address, port in addresses:
        try:
            return socket.create_connection((address, port), limit_s)
        except OSError:
            continue
    raise Failed(Reason.TRANSPORT_ERROR, step="connect")


def _message(order: Mail) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = order.subject
    message["From"] = order.sender
    message["To"] = order.recipient
    message["Date"] = format_datetime(order.sent)
    message["Message-ID"] = f"<{order.message}@supervisor.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(order.text)
    return message


def _refusal(code: int) -> Failed:
    later = 400 <= code < 500 or code < 0
    return Failed(Reason.TRANSPORT_ERROR if later else Reason.MAIL_REFUSED, status=code)
