"""How many runs of one kind there are at once: every asset names its pool, the instance its places.

A run takes a place in the pool of each of its steps before it starts, however it was asked for. So
a recording that takes a day keeps nobody from cleaning, nor does a model that hangs.
"""

from collections.abc import Mapping
from enum import StrEnum

import dagster as dg


class Pool(StrEnum):
    """What runs share."""

    CLEANING = "cleaning"
    MODEL = "ollama"
    COPIES = "copies"
    RELEASES = "releases"
    RECORDING = "recording"
    CLOCK = "clock"


def places(cores: int) -> Mapping[Pool, int]:
    """How many runs of each pool a machine with so many cores takes at once."""
    return {
        # More only make each other slower.
        Pool.CLEANING: cores,
        # It mostly waits for its server; looking for frames takes a core.
        Pool.MODEL: max(1, cores - 1),
        Pool.COPIES: 2,
        # A person waits for it: never behind copies of whole libraries.
        Pool.RELEASES: 2,
        # A twentieth of a core each and some 300 MB, for as long as the stream lasts.
        Pool.RECORDING: 32,
        Pool.CLOCK: 1,
    }


def make_places(instance: dg.DagsterInstance, cores: int) -> None:
    """Gives each pool its places, unless it has some: people may change them in the UI."""
    storage = instance.event_log_storage
    known = {limit.name for limit in storage.get_pool_limits() if not limit.from_default}
    for pool, count in places(cores).items():
        if pool.value not in known:
            storage.set_concurrency_slots(pool.value, count)
