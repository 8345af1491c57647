"""A short look whether a model can be asked at all, before anything is prepared for it."""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from supervisor_core.model.catalogue import find_model, read_version
from supervisor_core.model.hosts import Endpoint, check_host
from supervisor_core.model.ollama import connected
from supervisor_core.model.transport import Limits
from supervisor_core.reasons import Failed, Reason

_LIST_BYTES = 4 * 1024**2


class State(StrEnum):
    """What the look says."""

    HEALTHY = "healthy"
    DOWN = "down"  # may pass by itself
    UNUSABLE = "unusable"  # somebody has to change something


@dataclass(frozen=True)
class Health:
    """How a model server is: `reason` is empty only when it is healthy."""

    state: State
    reason: Reason | None = None
    version: str = ""
    digest: str = ""
    seconds: float = 0.0

    @property
    def healthy(self) -> bool:
        """True when the model can be asked."""
        return self.state is State.HEALTHY


def look(url: str, model: str, hosts: Collection[str] = (), limit_s: float = 3.0) -> Health:
    """Asks a server for its version and for the model of exactly this name.

    Takes `limit_s` seconds at most, name lookups apart. The reason tells what is wrong:
    OLLAMA_DOWN nothing listens, OLLAMA_UNREACHABLE nothing gets there, TIMEOUT it hangs,
    NOT_AN_ANSWER it is something else, NO_MODELS, MODEL_MISSING, MODEL_HOST_FORBIDDEN, or what
    else the transport knows. Raises `Failed(BAD_CONFIGURATION)` for an address that is none.
    """
    endpoint, started = Endpoint.of(url), time.monotonic()
    health = _looked(endpoint, model, hosts, limit_s)
    return replace(health, seconds=time.monotonic() - started)


def _looked(endpoint: Endpoint, model: str, hosts: Collection[str], limit_s: float) -> Health:
    # A third stays for the answers of a server that takes long to let in.
    limits = Limits(limit_s * 2 / 3, limit_s, limit_s, _LIST_BYTES)
    version = ""
    try:
        check_host(endpoint, model, hosts)
        with connected(endpoint, limits) as client:
            version = read_version(client)
            listed = find_model(client, model, hosts)
    except Failed as failed:
        state = State.DOWN if failed.reason.transient else State.UNUSABLE
        return Health(state, failed.reason, version)
    return Health(State.HEALTHY, None, version, listed.digest)
