"""The one partition of every asset: the intake, what came in together."""

import dagster as dg

intake = dg.DynamicPartitionsDefinition(name="intake")
