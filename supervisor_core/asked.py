"""Decides what to do about the things people asked for: a pure function over requests and runs.

A request stays queued until its run exists, so that one that gets lost on the way is made again; it
is at its end when its run is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from supervisor_core.reasons import Reason
from supervisor_core.store.requests import Request, State


class RunState(StrEnum):
    """As much of a run's state as a request needs to know."""

    GOING = "going"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class Move:
    """A request that comes to another state."""

    request: str
    state: State
    reason: Reason | None = None


@dataclass(frozen=True)
class Answer:
    """The requests to start a run for, and those that have come further."""

    start: tuple[Request, ...]
    moves: tuple[Move, ...]


def answer(requests: Iterable[Request], runs: Mapping[str, RunState]) -> Answer:
    """Matches open requests with the runs that were started for them, by the request's id."""
    start: list[Request] = []
    moves: list[Move] = []
    for request in requests:
        state = runs.get(request.id)
        if state is None:
            start.append(request)
        elif _FOLLOWS[state] is not request.state:
            moves.append(Move(request.id, _FOLLOWS[state]))
    return Answer(tuple(start), tuple(moves))


_FOLLOWS = {
    RunState.GOING: State.RUNNING,
    RunState.SUCCEEDED: State.DONE,
    RunState.FAILED: State.FAILED,
}
