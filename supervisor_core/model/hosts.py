"""Which model servers may be sent pictures: this machine, and what the operator has listed.

A server on this machine may itself pass a question on: models whose names end in `cloud` run at
ollama.com, and any other name can stand for a model of another host, which the server's list of
models says. Both count as that host.
"""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from supervisor_core.reasons import Failed, Reason

CLOUD = "ollama.com"
_CLOUD_ENDINGS = ("-cloud", ":cloud")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Endpoint:
    """Where a model server listens, without anything secret that its address may hold."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @classmethod
    def of(cls, url: str) -> "Endpoint":
        """Takes an address apart; raises `Failed(BAD_CONFIGURATION)` for any that is not plain."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise _bad() from None
        odd = parts.username is not None or parts.password is not None or parts.query
        if parts.scheme not in _PORTS or not host or odd or parts.fragment:
            raise _bad()
        return cls(parts.scheme, _name(host), port or _PORTS[parts.scheme], parts.path.rstrip("/"))

    @property
    def url(self) -> str:
        """The address that is called."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def place(self) -> str:
        """What stands for it in the store: scheme, host and port."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """True when the host is this machine by its very address, or `localhost`."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def check_host(endpoint: Endpoint, model: str, listed: Collection[str]) -> None:
    """Does nothing when this model may be asked there; else raises `MODEL_HOST_FORBIDDEN`."""
    names = _names(listed)
    if not endpoint.local and endpoint.host not in names:
        raise Failed(Reason.MODEL_HOST_FORBIDDEN, which="server")
    if model.strip().lower().endswith(_CLOUD_ENDINGS) and CLOUD not in names:
        raise Failed(Reason.MODEL_HOST_FORBIDDEN, which="cloud_model")


def check_remote(remote_host: str, listed: Collection[str]) -> None:
    """Does the same for the host that a server passes a model's questions on to."""
    try:
        host = urlsplit(remote_host if "//" in remote_host else f"//{remote_host}").hostname
    except ValueError:
        host = None
    if host is None or _name(host) not in _names(listed):
        raise Failed(Reason.MODEL_HOST_FORBIDDEN, which="remote_model")


def _names(listed: Collection[str]) -> set[str]:
    return {_name(host) for host in listed} - {""}


def _name(host: str) -> str:
    return host.strip().strip("[]").rstrip(".").lower()


def _bad() -> Failed:
    return Failed(Reason.BAD_CONFIGURATION, setting="ollama_url")
