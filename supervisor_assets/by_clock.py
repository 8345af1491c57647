"""What is judged by the clock is not judged again in the run of an intake.

A job of ours leaves such checks out. A run that a person starts by hand, or a backfill, takes every
check of its assets along: a thousand of them would each look the whole store over.
"""

import dagster as dg


def in_a_run_of_an_intake(context: dg.AssetCheckExecutionContext) -> bool:
    """True where a check that is judged by the clock tells nothing, since it was not asked for."""
    return bool(context.has_partition_key)
