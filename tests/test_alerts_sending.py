"""Messages reach whoever is to be told, in the end and once, however badly a receiver behaves."""

import itertools
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alert_receivers import Sink, Webhook, mail_server, webhook
from command import run
from storage_parts import free_port
from store_builders import Clock, settings_for

from supervisor_assets.cli import doctor_alerts, health
from supervisor_assets.cli.findings import State
from supervisor_core.canary.outcome import Flight, Health
from supervisor_core.canary.outcome import Health as Answer
from supervisor_core.deadline import Worker
from supervisor_core.notify.causes import Sign
from supervisor_core.notify.desk import Desk
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.service import landed

QUICK = {
    "alert_gather_s": 0.0,
    "alert_silence_s": 20.0,
    "alert_total_s": 30.0,
    "alert_connect_s": 10.0,
    "alert_hosts": "127.0.0.1,localhost",
}
HURRY = {"alert_silence_s": 0.4, "alert_total_s": 1.0}
CHECK = "check:cleaned_frames:timeout_rate"


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(grace_s=0.1) as worker:
        yield worker


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as hook:
        yield hook


@pytest.fixture(scope="module")
def _sink() -> Iterator[Sink]:
    with mail_server() as sink:
        yield sink


@pytest.fixture
def sink(_sink: Sink) -> Sink:
    _sink.manner, _sink.refusals[:], _sink.mails[:] = "ok", [], []
    return _sink


class House:
    """A desk over a store whose clock the test turns."""

    def __init__(self, folder: Path, worker: Worker, **changes: Any) -> None:
        self.clock = Clock()
        self.settings: Settings = settings_for(folder, **QUICK, **changes)
        self.store = Store(self.settings.open_home(), self.settings, self.clock)
        self.worker = worker
        self.position = 0
        self.wait()

    def wait(self, **changes: float) -> None:
        """Has messages waited for as long as the settings say, or these changes do."""
        settings = self.settings.model_copy(update=changes)
        self.desk = Desk(self.store, settings, lambda: nullcontext(self.worker))

    def sign(self, cause: str | None = "ERROR", subject: str = CHECK) -> None:
        self.position += 1
        self.desk.report([Sign(subject, "", cause, self.clock(), "r")], self.position, {subject})

    def deliver(self, after_s: float = 0.0) -> tuple[int, int, Reason | None]:
        self.clock.turn(after_s)
        done = self.desk.deliver()
        return done.sent, done.failed, done.reason

    @property
    def journal(self) -> list[dict[str, Any]]:
        lines = (self.store.home.logs / "supervisor.jsonl").read_text().splitlines()
        return [one for one in map(json.loads, lines) if one["event"] == "alert"]


def by_webhook(hook: Webhook) -> dict[str, str]:
    return {"alert_webhook_url": hook.url}


def by_mail(sink: Sink, *addresses: str) -> dict[str, Any]:
    return {
        "alert_smtp_host": "127.0.0.1",
        "alert_smtp_port": sink.port,
        "alert_smtp_security": "none",
        "alert_mail_to": ", ".join(addresses or ("ops@house.example",)),
        "alert_mail_from": "supervisor@house.example",
    }


def test_what_fails_and_passes_again_arrives_everywhere(
    tmp_path: Path, worker: Worker, hook: Webhook, sink: Sink
) -> None:
    house = House(
        tmp_path, worker, **by_webhook(hook), **by_mail(sink, "a@x.example", "b@x.example")
    )
    house.sign()
    assert house.deliver() == (2, 0, None)
    house.sign(None)
    assert house.deliver() == (2, 0, None)
    assert house.deliver() == (0, 0, None)
    assert [one["subject"] for one in hook.received] == [
        "Supervisor: 1 fails", "Supervisor: 1 passes again",
    ]  # fmt: skip
    assert hook.ids == [one["id"] for one in hook.received]
    assert [address for address, _ in sink.mails] == ["a@x.example", "b@x.example"] * 2
    mail = message_from_bytes(sink.mails[0][1])
    assert mail["Subject"] == "[supervisor] Supervisor: 1 fails"
    assert mail["Message-ID"] == f"<{hook.ids[0]}@supervisor.invalid>"
    assert "check timeout_rate of cleaned_frames (ERROR)" in str(mail.get_payload())
    assert [(one["state"], one.get("error")) for one in house.journal] == [
        ("failing", "ERROR"), ("passing", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("500", Reason.TRANSPORT_ERROR),
        ("404", Reason.HTTP_ERROR),
        ("close", Reason.TRANSPORT_ERROR),
        ("garbage", Reason.TRANSPORT_ERROR),
        ("hang", Reason.TIMEOUT),
        ("drip", Reason.TIMEOUT),
        ("redirect", Reason.HTTP_ERROR),
    ],
)
def test_a_webhook_with_bad_manners_gets_its_message_later_and_once(
    tmp_path: Path, worker: Worker, hook: Webhook, manner: str, reason: Reason
) -> None:
    with webhook() as elsewhere:
        house = House(tmp_path, worker, **by_webhook(hook))
        hook.manner, hook.elsewhere = manner, elsewhere.url
        house.sign()
        house.wait(**HURRY if manner in ("hang", "drip") else {})
        began_s = time.monotonic()
        assert house.deliver() == (0, 1, reason)
        assert time.monotonic() - began_s < 20
        hook.manner = "ok"
        house.wait()
        assert house.deliver(after_s=29) == (0, 0, None)  # its time has not come
        assert house.deliver(after_s=2) == (1, 0, None)
        assert house.deliver(after_s=9999) == (0, 0, None)
        assert (len(hook.received), elsewhere.asked) == (1, 0)


def test_a_receiver_that_is_down_for_hours_gets_all_that_happened_in_order(
    tmp_path: Path, worker: Worker, hook: Webhook
) -> None:
    house = House(tmp_path, worker, **by_webhook(hook))
    hook.manner = "503"
    for subject in (CHECK, "run:clean_intake", "run:watch"):
        house.sign(subject=subject)
        house.deliver(after_s=3600)
    asked = hook.asked
    assert asked < 6  # a channel that fails is left alone for that time
    hook.manner = "ok"
    assert house.deliver(after_s=3600) == (3, 0, None)
    assert [one["causes"][0]["kind"] for one in hook.received] == ["check", "run", "run"]
    assert len(set(hook.ids)) == 3


def test_two_that_deliver_at_once_tell_nobody_twice(
    tmp_path: Path, worker: Worker, hook: Webhook
) -> None:
    house = House(tmp_path, worker, **by_webhook(hook))
    house.sign()
    with house.store.read() as connection:
        from supervisor_core.store import alerts

        (delivery,) = alerts.waiting(connection, house.clock(), 9)
    assert house.desk._claim(delivery)
    assert not house.desk._claim(delivery)
    assert house.deliver() == (0, 0, None)
    assert house.deliver(after_s=121) == (1, 0, None)  # who had claimed it has died


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [("451 4.7.1 greylisted, Erika", Reason.TRANSPORT_ERROR), ("550 no", Reason.MAIL_REFUSED)],
)
def test_of_two_addresses_only_the_one_that_was_refused_is_tried_again(
    tmp_path: Path, worker: Worker, sink: Sink, refusal: str, reason: Reason
) -> None:
    house = House(tmp_path, worker, **by_mail(sink, "first@x.example", "second@x.example"))
    house.sign()
    sink.refusals += ["", refusal]
    assert house.deliver() == (0, 1, reason)
    assert [address for address, _ in sink.mails] == ["first@x.example"]
    assert house.deliver(after_s=31) == (1, 0, None)
    assert [address for address, _ in sink.mails] == ["first@x.example", "second@x.example"]


@pytest.mark.parametrize("manner", ["hang", "close"])
def test_a_mail_server_that_hangs_or_hangs_up_holds_nobody_up(
    tmp_path: Path, worker: Worker, sink: Sink, manner: str
) -> None:
    house = House(tmp_path, worker, **by_mail(sink))
    sink.manner = manner
    house.sign()
    house.wait(**HURRY)
    began_s = time.monotonic()
    assert house.deliver()[:2] == (0, 1)
    assert time.monotonic() - began_s < 20
    sink.manner = "ok"
    house.wait()
    assert house.deliver(after_s=31) == (1, 0, None)


def test_addresses_for_whom_no_time_is_left_are_told_next_time(
    tmp_path: Path, worker: Worker, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, worker, **by_mail(sink, "a@x.example", "b@x.example"))
    house.sign()
    now = itertools.count(0.0, 7.0)
    monkeypatch.setattr("supervisor_core.notify.desk.time", SimpleNamespace(monotonic=now.__next__))
    house.deliver()
    assert [address for address, _ in sink.mails] == ["a@x.example"]
    monkeypatch.undo()
    assert house.deliver() == (1, 0, None)
    assert [address for address, _ in sink.mails] == ["a@x.example", "b@x.example"]


def test_a_mail_server_without_encryption_is_told_nothing(
    tmp_path: Path, worker: Worker, sink: Sink
) -> None:
    house = House(tmp_path, worker, **by_mail(sink) | {"alert_smtp_security": "starttls"})
    house.sign()
    assert house.deliver() == (0, 1, Reason.MAIL_REFUSED)
    assert sink.mails == []


def test_mail_is_encrypted_and_the_certificate_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = own_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with mail_server(tls_context=context, require_starttls=True) as sink:
        changes = by_mail(sink) | {"alert_smtp_security": "starttls"}
        with Worker(grace_s=0.1) as strangers:
            house = House(tmp_path, strangers, **changes)
            house.sign()
            assert house.deliver() == (0, 1, Reason.TRANSPORT_ERROR)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with Worker(grace_s=0.1) as trusting:
            house.worker = trusting
            assert house.deliver(after_s=31) == (1, 0, None)
    assert len(sink.mails) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alert_hosts": ""}, Reason.ADDRESS_FORBIDDEN),
        ({"alert_webhook_url": "ftp://127.0.0.1/x"}, Reason.BAD_CONFIGURATION),
        ({"alert_webhook_url": "https://[::1"}, Reason.BAD_CONFIGURATION),
        ({"alert_webhook_url": "https://10.1.2.3/x"}, Reason.ADDRESS_FORBIDDEN),
    ],
)
def test_an_address_that_nobody_has_allowed_is_not_called(
    tmp_path: Path, worker: Worker, hook: Webhook, changes: dict[str, str], reason: Reason
) -> None:
    settings = settings_for(tmp_path, **QUICK | by_webhook(hook) | changes)
    house = House(tmp_path, worker)
    house.desk = Desk(house.store, settings, lambda: nullcontext(worker))
    house.sign()
    assert house.deliver() == (0, 1, reason)
    assert hook.asked == 0


def test_what_can_not_be_told_is_told_by_doctor_and_health(
    tmp_path: Path, worker: Worker, hook: Webhook
) -> None:
    house = House(tmp_path, worker, **by_webhook(hook))
    with house.store.write() as connection:
        landed(connection, Flight(Answer.HEALTHY, None, 1.0, {}), datetime.now(UTC))
    assert doctor_alerts.alerts(house.settings).state is State.OK
    hook.manner = "500"
    house.sign()
    house.deliver()
    found = doctor_alerts.alerts(house.settings)
    assert (found.state, found.reason) == (State.WARNING, Reason.ALERT_NOT_DELIVERED)
    assert "TRANSPORT_ERROR" in found.said
    said = health.ask(house.store.home, house.settings)
    assert (said.health, said.reason) == (Health.DEGRADED, Reason.ALERT_NOT_DELIVERED)
    hook.manner = "ok"
    house.deliver(after_s=31)
    assert health.ask(house.store.home, house.settings).health == Health.HEALTHY
    assert doctor_alerts.alerts(house.settings).state is State.OK


def test_what_could_not_be_delivered_for_a_week_is_given_up(
    tmp_path: Path, worker: Worker, hook: Webhook
) -> None:
    house = House(tmp_path, worker, **by_webhook(hook))
    hook.manner = "410"
    house.sign()
    house.deliver()
    assert house.deliver(after_s=timedelta(days=8).total_seconds())[:2] == (0, 1)
    hook.manner = "ok"
    assert house.deliver(after_s=9999) == (0, 0, None)


def test_a_closed_port_is_a_receiver_that_is_down(tmp_path: Path, worker: Worker) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    house = House(tmp_path, worker, alert_webhook_url=url)
    house.sign()
    assert house.deliver() == (0, 1, Reason.TRANSPORT_ERROR)


def test_a_test_message_says_of_each_receiver_what_happened(
    tmp_path: Path, hook: Webhook, sink: Sink
) -> None:
    settings = by_webhook(hook) | by_mail(sink, "a@x.example", "b@x.example")
    words = {f"SUPERVISOR_{name.upper()}": str(value) for name, value in settings.items()}
    words |= {"SUPERVISOR_ALERT_HOSTS": "127.0.0.1"}
    sink.refusals += ["", "550 no such user Erika"]
    ran = run("alert", "--test", "--json", home=tmp_path, **words)
    assert ran.code == 1
    assert [(one["channel"], one["receiver"], one["reason"]) for one in ran.json] == [
        ("webhook", 1, None), ("mail", 1, None), ("mail", 2, "MAIL_REFUSED"),
    ]  # fmt: skip
    assert hook.received[0]["test"] is True
    assert len(sink.mails) == 1
    assert not {"t0ken", "Erika", "x.example"} & set((ran.out + ran.err).replace("/", " ").split())
    assert not tmp_path.joinpath("store").exists()


def test_what_fails_now_is_shown(tmp_path: Path, worker: Worker) -> None:
    house = House(tmp_path, worker)
    house.sign()
    ran = run("alert", "--json", home=house.store.home.root)
    assert [(one["subject"], one["cause"]) for one in ran.json["failing"]] == [(CHECK, "ERROR")]
    assert ran.json["not_delivered"] == {"waiting": 0, "given_up": 0, "reason": None}


def test_no_secret_is_printed(tmp_path: Path, hook: Webhook) -> None:
    settings = settings_for(tmp_path, **by_webhook(hook), alert_smtp_password="hunter2")
    assert "t0ken" not in repr(settings)
    assert "hunter2" not in repr(settings)


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that nobody has signed but itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths
