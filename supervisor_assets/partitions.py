"""The one partition of every asset: the intake, what came in together."""

from collections.abc import Iterable

import dagster as dg

intake = dg.DynamicPartitionsDefinition(name="intake")


def added(keys: Iterable[str]) -> list[dg.AddDynamicPartitionsRequest]:
    """What a sensor returns so that these intakes become partitions; nothing for none."""
    new = list(keys)
    return [intake.build_add_request(new)] if new else []
