"""How a step of ours fails in Dagster.

Everything that is raised here ends up in Dagster's database for anybody to read, so an error keeps
its reason and its numbers and loses the rest: the texts of libraries carry paths. Only a passing
cause (a locked store, a full disk) is tried again by Dagster; what befalls one item otherwise is
the pipeline's business and never gets here.

No step has a `RetryPolicy`: Dagster would try a step again that somebody has stopped. What is to be
tried again asks for it here, and a step that is stopped ends at once as CANCELLED.
"""

import errno
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.progress import IntakeSummary

REASON_TAG = "supervisor/reason"
RETRY = dg.RetryPolicy(
    max_retries=3, delay=4, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""Waits of about 4, 12 and 28 s."""
SHARED = dg.RetryPolicy(max_retries=24, delay=5)
"""Waits of 2 min in all for another run that has the same content in hand."""

_BY_ERRNO = {errno.ENOSPC: Reason.DISK_FULL, errno.EIO: Reason.IO_ERROR}
_STOPPED = (KeyboardInterrupt, DagsterExecutionInterruptedError)
_LEFT_ALONE = frozenset({Reason.CANCELLED, Reason.LEASE_LOST})

Context = dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext


@contextmanager
def told(context: Context) -> Iterator[None]:
    """Turns any error inside into a `dagster.Failure` that says why and what to do.

    A passing cause becomes a `dagster.RetryRequested` as long as tries are left.
    """
    try:
        yield
    except (dg.Failure, dg.RetryRequested):
        raise
    except Failed as failed:
        _end(context, failed)
    except _STOPPED:
        _end(context, Failed(Reason.CANCELLED))
    except Exception as error:  # noqa: BLE001 - the edge between our code and Dagster's log
        _end(context, _unexpected(error))


def _end(context: Context, failed: Failed) -> NoReturn:
    """Ends a step for a reason: to be tried again after a while, or for good.

    A run that ends for good carries the reason as a tag, so that it can be found.
    """
    reason = failed.reason
    policy = SHARED if reason is Reason.ITEM_BUSY else RETRY
    passing = reason.transient and reason not in _LEFT_ALONE
    if passing and context.retry_number < policy.max_retries:
        wait_s = policy.calculate_delay(context.retry_number + 1)
        raise dg.RetryRequested(policy.max_retries, wait_s) from failure(failed)
    context.instance.add_run_tags(context.run.run_id, {REASON_TAG: reason.value})
    raise failure(failed) from None


def failure(failed: Failed) -> dg.Failure:
    """The failure that shows a reason, what it means and what to do."""
    reason = failed.reason
    return dg.Failure(
        description=str(failed),
        metadata=dict(failed.facts)
        | {"reason": reason.value, "cause": reason.sentence, "next_step": reason.next_step},
        allow_retries=False,
    )


def require_none_waiting(waiting: Mapping[Reason, int]) -> None:
    """Raises when items wait for a cause to pass: the step is tried again and skips the rest."""
    if waiting:
        raise Failed(min(waiting), items=sum(waiting.values()))


def require_finished(summary: IntakeSummary) -> None:
    """Raises while another run has items of the intake in hand: what is told now would not last.

    A run that waited in vain fails, and the reconcile sensor asks for another one.
    """
    if summary.unfinished:
        raise Failed(Reason.ITEM_BUSY, items=summary.unfinished)


def _unexpected(error: Exception) -> Failed:
    if isinstance(error, OSError) and error.errno in _BY_ERRNO:
        return Failed(_BY_ERRNO[error.errno], errno=error.errno)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).stem}:{frames[-1].lineno}"
    return Failed(Reason.INTERNAL_ERROR, error=type(error).__name__, place=place)
