"""Asks again when the cause of a failure may pass by itself, as the reason's class says."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings

T = TypeVar("T")
Sleep = Callable[[float], object]
OnRetry = Callable[[int, Failed, float], None]

# These may pass, but not by asking again here: somebody wants an end, or all are to wait.
_NOT_HERE = frozenset({Reason.CANCELLED, Reason.BLOCKED_BY_OLLAMA, Reason.LEASE_LOST})


@dataclass(frozen=True)
class Patience:
    """How often one question is sent, and how long is waited in between; times in seconds.

    No further try begins later than `total_s` after the first.
    """

    tries: int = 4
    first_s: float = 4.0
    longest_s: float = 60.0
    total_s: float = 600.0

    @classmethod
    def of(cls, settings: Settings) -> "Patience":
        """What the settings say."""
        return cls(
            tries=settings.model_tries,
            first_s=settings.model_retry_first_s,
            longest_s=settings.model_retry_longest_s,
            total_s=settings.model_total_s,
        )


def retried(
    call: Callable[[], T],
    patience: Patience | None = None,
    *,
    sleep: Sleep = time.sleep,
    on_retry: OnRetry | None = None,
) -> T:
    """What `call` returns, tried again after reasons that may pass.

    The waits double, each drawn at random between the shortest and what it has grown to. `sleep`
    does the waiting: whatever it raises ends it. `on_retry(tries so far, failure, wait)` hears of
    each wait. Raises the last failure, or at once any that trying again does not change. A circuit
    breaker belongs inside: each try is a question of its own.
    """
    terms = patience or Patience()
    retrying = Retrying(
        stop=stop_after_attempt(terms.tries) | stop_before_delay(terms.total_s),
        wait=wait_random_exponential(
            multiplier=2 * terms.first_s, min=terms.first_s, max=terms.longest_s
        ),
        retry=retry_if_exception(may_pass),
        before_sleep=_telling(on_retry),
        sleep=_waiting(sleep),
        reraise=True,
    )
    return retrying(call)


def may_pass(error: BaseException) -> bool:
    """True for a failure after which the same question may be asked again here."""
    return isinstance(error, Failed) and error.reason.transient and error.reason not in _NOT_HERE


def _waiting(sleep: Sleep) -> Callable[[float], None]:
    def wait(seconds: float) -> None:
        sleep(seconds)

    return wait


def _telling(on_retry: OnRetry | None) -> Callable[[RetryCallState], None]:
    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if on_retry is not None and isinstance(error, Failed):
            on_retry(state.attempt_number, error, state.upcoming_sleep)

    return tell
