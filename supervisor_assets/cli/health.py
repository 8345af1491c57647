"""`health`: does the whole way work? As the last canary has seen it, for people and for monitors.

Over HTTP the same answer stands at `/health` beside the webserver while `up` runs, with how its
parts are: status 200 when healthy or degraded, else 503. It reads a row or two of the store.
Beside it stand the metrics at `/metrics`, made of the published copy of the store.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import urlsplit

import typer

from supervisor_assets.cli import say
from supervisor_assets.cli.codes import Code
from supervisor_assets.guard.rules import Refused, Rules, hosts_of
from supervisor_core.canary.outcome import Health
from supervisor_core.home import Home
from supervisor_core.metrics.catalogue import CONTENT_TYPE
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.alerts import undelivered
from supervisor_core.store.service import OVERDUE, last_answer

EVERY_S = 900.0
PATHS = ("/health", "/healthz")
METRICS_PATH = "/metrics"
_WAIT_S = 2.0
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Said:
    """The answer in words; `health` is `unknown` before the first flight."""

    health: str
    reason: Reason | None = None
    seconds: float | None = None
    age_s: float | None = None

    @property
    def works(self) -> bool:
        """True when nothing gets out and nothing is lost, even if less is done than should be."""
        return self.health in (Health.HEALTHY, Health.DEGRADED)

    @property
    def overdue(self) -> bool:
        """True when the last flight is too long ago to say anything."""
        return self.age_s is not None and self.age_s > OVERDUE * EVERY_S

    @property
    def told(self) -> dict[str, object]:
        """As JSON: latency and age in seconds."""
        return {
            "health": self.health,
            "reason": self.reason,
            "sentence": self.reason.sentence if self.reason else None,
            "next_step": self.reason.next_step if self.reason else None,
            "latency_s": round(self.seconds, 3) if self.seconds is not None else None,
            "age_s": round(self.age_s, 1) if self.age_s is not None else None,
        }


class Copy(Protocol):
    """The published copy of the store."""

    @property
    def told(self) -> dict[str, object]:
        """How old it is, and why it is no younger."""

    @property
    def late(self) -> Reason | None:
        """Why it is too old, if it is."""


class Parts(Protocol):
    """What `up` keeps running."""

    @property
    def told(self) -> dict[str, dict[str, Any]]:
        """How each part is."""

    @property
    def works(self) -> bool:
        """False when one of them keeps ending."""


def run(*, as_json: bool) -> None:
    """Prints the answer; exit code 1 unless it is healthy or degraded."""
    settings = Settings.load()
    said = ask(Home(settings.home.absolute()), settings)
    if as_json:
        say.data_json(said.told)
    else:
        say.data(in_words(said))
    if not said.works:
        raise typer.Exit(Code.FAILED)


def ask(home: Home, settings: Settings) -> Said:
    """The answer of this home; a store that can't be read is an answer too."""
    if not (home.store / "supervisor.duckdb").exists():
        return Said(_UNKNOWN)
    try:
        store = Store(home, settings.model_copy(update={"store_wait_s": _WAIT_S}))
        with store.read() as connection:
            answer = last_answer(connection, store.now(), EVERY_S)
            untold = undelivered(connection, store.now(), timedelta(settings.alert_kept_days))
    except Failed as failed:
        return Said(Health.UNHEALTHY, failed.reason)
    if answer is None:
        return Said(_UNKNOWN)
    if untold.any and answer.health is Health.HEALTHY:
        reason = Reason.ALERT_NOT_DELIVERED
        return Said(Health.DEGRADED, reason, answer.seconds, answer.age_s)
    return Said(answer.health, answer.reason, answer.seconds, answer.age_s)


def in_words(said: Said) -> str:
    """One line for a person."""
    if said.age_s is None:
        words = "no canary has flown yet; `up` sends one every quarter of an hour"
    else:
        words = f"{said.seconds or 0:.1f} s from file to analysis, {said.age_s / 60:.0f} min ago"
    why = f" ({said.reason}: {said.reason.sentence} {said.reason.next_step})" if said.reason else ""
    return f"{said.health}: {words}{why}"


@contextmanager
def served(
    home: Home,
    settings: Settings,
    host: str,
    port: int,
    parts: Parts | None = None,
    copy: Copy | None = None,
    metrics: Callable[[], bytes] | None = None,
) -> Iterator[None]:
    """Answers over HTTP while the block runs; raises `Failed(PORT_IN_USE)`."""
    known = {
        "home": home,
        "settings": settings,
        "parts": parts,
        "copy": copy,
        "metrics": staticmethod(metrics) if metrics else None,
        "rules": Rules(port, hosts_of(settings.ui_hosts.split(","))),
    }
    handler = type("Handler", (_Handler,), known)
    try:
        server = _Server((host, port), handler)
    except OSError:
        raise Failed(Reason.PORT_IN_USE, port=port) from None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # five, as the library has it, let a burst wait for seconds


class _Handler(BaseHTTPRequestHandler):
    home: Home
    settings: Settings
    parts: Parts | None
    copy: Copy | None
    metrics: Callable[[], bytes] | None
    rules: Rules
    timeout = 10.0

    def do_GET(self) -> None:
        """Answers one of the two questions that there are, under a name of this server alone."""
        host = self.headers.get("Host", "").lower()
        if host and not self.rules.is_ours(host):  # every browser says one
            self._send(Refused.HOST.status, {"error": Refused.HOST.sentence})
            return
        path = urlsplit(self.path).path
        if path == METRICS_PATH and self.metrics:
            self._send_text(200, self.metrics(), CONTENT_TYPE)
            return
        if path not in PATHS:
            self._send(404, {"error": "not found"})
            return
        said, parts, copy = ask(self.home, self.settings), self.parts, self.copy
        late = copy.late if copy else None
        if late and said.health == Health.HEALTHY:
            said = replace(said, health=Health.DEGRADED, reason=late)
        if parts and not parts.works:
            said = replace(said, health=Health.UNHEALTHY, reason=Reason.PART_ENDED)
        told = said.told | ({"parts": parts.told} if parts else {})
        told |= {"copy": copy.told} if copy else {}
        self._send(200 if said.works else 503, told)

    do_HEAD = do_GET  # noqa: N815 - named by the standard library

    def _send(self, status: int, content: dict[str, object]) -> None:
        self._send_text(status, json.dumps(content).encode(), "application/json")

    def _send_text(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: monitors ask often."""
