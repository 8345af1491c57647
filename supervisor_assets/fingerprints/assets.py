"""Whether files are whole, and what they look like: beside what a model says, and without one."""

from collections.abc import Iterator

import dagster as dg

from resources import PipelineResource
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import GROUP, OWNERS
from supervisor_assets.failures import told
from supervisor_assets.fingerprints.facts import (
    fingerprint_facts,
    integrity_facts,
    upscale_facts,
)
from supervisor_assets.limits import limit_tags
from supervisor_assets.partitions import intake
from supervisor_assets.pools import Pool
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.checking import check_integrity
from supervisor_core.pipeline.enlarging import upscale_wished
from supervisor_core.pipeline.fingerprinting import take_fingerprints


@dg.asset(
    partitions_def=intake,
    deps=[cleaned_frames],
    output_required=False,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"duckdb"},
    code_version="1",
    description=(
        "Every readable file read from its first byte to its last: its SHA-256 compared with the "
        "one it came in or was cleaned with, and every frame decoded."
    ),
    op_tags=limit_tags("integrity_base_s", "integrity_rate"),
    pool=Pool.CLEANING.value,
)
def integrity(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Reads what was not read yet, or long ago; a broken file is a result and fails no run."""
    with told(context):
        report = pipeline.open().do(check_integrity, IntakeKey(context.partition_key))
        if not report.files:
            context.log.info("Nothing of this intake is to be read.")
            return
    yield dg.MaterializeResult(metadata=integrity_facts(report))


@dg.asset(
    partitions_def=intake,
    deps=[cleaned_frames],
    output_required=False,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"duckdb"},
    code_version="1",
    description=(
        "What every readable picture and every quarter of a second of a video looks like (PDQ, 256 "
        "bits), and which of all that came before look the same."
    ),
    op_tags=limit_tags("fingerprint_base_s", "fingerprint_rate"),
    pool=Pool.CLEANING.value,
)
def fingerprints(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Takes what is missing, and compares what is new with all others."""
    with told(context):
        report = pipeline.open().do(take_fingerprints, IntakeKey(context.partition_key))
        if not report.files:
            context.log.info("Nothing of this intake is to be compared.")
            return
    yield dg.MaterializeResult(metadata=fingerprint_facts(report))


@dg.asset(
    partitions_def=intake,
    deps=[cleaned_frames],
    output_required=False,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"png", "jpeg", "duckdb"},
    code_version="1",
    description=(
        "Larger pictures that somebody has asked for, made of readable stills by Lanczos, Forge or "
        "Real-ESRGAN; each is linked to its parent, the largest is shown in its place."
    ),
    op_tags=limit_tags("upscale_base_s"),
    pool=Pool.CLEANING.value,
)
def upscales(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Makes what is asked for; what waits for Forge stays asked for."""
    with told(context):
        report = pipeline.open().do(upscale_wished, IntakeKey(context.partition_key))
        if not report.made + report.there:
            why = ", ".join(sorted(report.open)) or "none is asked for"
            context.log.info("No larger picture yet: %s", why)
            return
    yield dg.MaterializeResult(metadata=upscale_facts(report))
