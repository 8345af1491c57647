"""How a step of ours fails in Dagster.

Everything that is raised here ends up in Dagster's database for anybody to read, so an error keeps
its reason and its numbers and loses the rest: the texts of libraries carry paths. Only a passing
cause of the step itself (a locked store, a full disk) is tried again by Dagster; what befalls one
item is the pipeline's business and never gets here.
"""

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from supervisor_core.reasons import Failed, Reason

REASON_TAG = "supervisor/reason"
RETRY = dg.RetryPolicy(
    max_retries=3, delay=4, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""Waits of about 4, 12 and 28 s."""

_BY_ERRNO = {errno.ENOSPC: Reason.DISK_FULL, errno.EIO: Reason.IO_ERROR}
_TRIED_AGAIN = frozenset({Reason.STORE_BUSY, Reason.DISK_FULL, Reason.IO_ERROR})


@contextmanager
def told(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> Iterator[None]:
    """Turns any error inside into a `dagster.Failure` that says why and what to do."""
    try:
        yield
    except dg.Failure:
        raise
    except Failed as failed:
        raise failure(context, failed) from None
    except Exception as error:  # noqa: BLE001 - the edge between our code and Dagster's log
        raise failure(context, _unexpected(error)) from None


def failure(
    context: dg.OpExecutionContext | dg.AssetExecutionContext, failed: Failed
) -> dg.Failure:
    """The failure for a reason; the run carries the reason as a tag, so that runs can be found."""
    context.instance.add_run_tags(context.run_id, {REASON_TAG: failed.reason.value})
    reason = failed.reason
    return dg.Failure(
        description=str(failed),
        metadata={"reason": reason.value, "cause": reason.sentence, "next_step": reason.next_step}
        | dict(failed.facts),
        allow_retries=reason in _TRIED_AGAIN,
    )


def _unexpected(error: Exception) -> Failed:
    if isinstance(error, OSError) and error.errno in _BY_ERRNO:
        return Failed(_BY_ERRNO[error.errno], errno=error.errno)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).stem}:{frames[-1].lineno}"
    return Failed(Reason.INTERNAL_ERROR, error=type(error).__name__, place=place)
