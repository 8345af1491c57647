"""Keeps the store from growing with every try for ever."""

from dataclasses import dataclass
from datetime import timedelta

from supervisor_core.pipeline.context import Context
from supervisor_core.store import audit, pruning
from supervisor_core.store.audit import Deed


@dataclass(frozen=True)
class Pruned:
    """How many rows went, or would go."""

    attempts: int
    questions: int


def prune(context: Context, older_than_s: float, *, dry_run: bool) -> Pruned:
    """Removes attempts and questions that ended so long ago; see `store.pruning`."""
    before = context.now() - timedelta(seconds=older_than_s)
    if dry_run:
        with context.store.read() as connection:
            return Pruned(*pruning.old(connection, before))
    with context.store.write() as connection:
        pruned = Pruned(*pruning.prune(connection, before))
        if pruned.attempts or pruned.questions:
            deed = Deed("prune", "attempts", vars(pruned))
            audit.write(connection, context.owner, [deed], context.now())
    return pruned
