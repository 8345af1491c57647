"""When a model is not asked at all, decided without clock, store or network.

    CLOSED     everybody may ask; so many failures in a row open it
    OPEN       nobody asks until its time is over
    HALF_OPEN  one question goes through, to try; its outcome closes or opens the circuit

The one that tries holds a lease: when it dies, or never comes back, the next one may try.
What others, who asked before the circuit opened, come back with changes nothing any more.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from supervisor_core.reasons import Reason

# What says that asking is in vain just now.
COUNTING = frozenset(
    {
        Reason.OLLAMA_DOWN,
        Reason.OLLAMA_UNREACHABLE,
        Reason.MODEL_BUSY,
        Reason.MODEL_ERROR,
        Reason.TIMEOUT,
        Reason.TRANSPORT_ERROR,
        Reason.NOT_AN_ANSWER,
        Reason.HTTP_ERROR,
    }
)

# What says that the server did its part: the fault is in the question, the answer or its setup.
DONE = frozenset(
    {
        Reason.MODEL_MISSING,
        Reason.NO_MODELS,
        Reason.INVALID_IMAGE,
        Reason.ANSWER_TOO_LARGE,
        Reason.INVALID_JSON,
        Reason.PARSE_ERROR,
        Reason.SCHEMA_MISMATCH,
        Reason.MISSING_KEY,
    }
)


class Phase(StrEnum):
    """Who may ask."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class Rules:
    """When the circuit opens, for how long, and how long one may try; times in seconds."""

    failures: int = 5
    open_s: float = 30.0
    trial_s: float = 660.0


@dataclass(frozen=True)
class Circuit:
    """The state of one model at one endpoint; `until` ends its being open, or the trial's lease."""

    phase: Phase = Phase.CLOSED
    failures: int = 0
    until: datetime | None = None
    trial: str | None = None
    reason: Reason | None = None

    def lets(self, asker: str) -> bool:
        """True when this one may ask now."""
        return self.phase is Phase.CLOSED or self.trial == asker


@dataclass(frozen=True)
class Wanted:
    """Somebody wants to ask."""

    asker: str


@dataclass(frozen=True)
class Answered:
    """The server did its part."""

    asker: str


@dataclass(frozen=True)
class Broke:
    """A question failed for a reason that counts."""

    asker: str
    reason: Reason


@dataclass(frozen=True)
class Lost:
    """This one's question says nothing: never sent, cancelled, or its process is gone."""

    asker: str


Event = Wanted | Answered | Broke | Lost


def step(circuit: Circuit, event: Event, now: datetime, rules: Rules) -> Circuit:
    """The state after an event."""
    match event:
        case Wanted(asker):
            return _wanted(circuit, asker, now, rules)
        case Answered(asker):
            return Circuit() if circuit.lets(asker) else circuit
        case Broke(asker, reason):
            return _broke(circuit, asker, reason, now, rules)
        case Lost(asker):
            return _opened(circuit, now) if circuit.trial == asker else circuit


def event_of(asker: str, reason: Reason | None) -> Event:
    """What the outcome of a question means for the circuit; no reason is success."""
    if reason is None or reason in DONE:
        return Answered(asker)
    return Broke(asker, reason) if reason in COUNTING else Lost(asker)


def _wanted(circuit: Circuit, asker: str, now: datetime, rules: Rules) -> Circuit:
    """Makes this one the trial when the time is over: of being open, or of an earlier trial."""
    if circuit.phase is Phase.CLOSED or (circuit.until is not None and now < circuit.until):
        return circuit
    until = now + timedelta(seconds=rules.trial_s)
    return replace(circuit, phase=Phase.HALF_OPEN, trial=asker, until=until)


def _broke(circuit: Circuit, asker: str, reason: Reason, now: datetime, rules: Rules) -> Circuit:
    if not circuit.lets(asker):
        return circuit
    counted = replace(circuit, failures=circuit.failures + 1, reason=reason)
    if circuit.phase is Phase.CLOSED and counted.failures < rules.failures:
        return counted
    return _opened(counted, now + timedelta(seconds=rules.open_s))


def _opened(circuit: Circuit, until: datetime) -> Circuit:
    return replace(circuit, phase=Phase.OPEN, trial=None, until=until)
