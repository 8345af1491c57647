"""One asset for each mode of enrichment, all made by one factory."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from resources import PipelineResource
from supervisor_assets.again import forget_what_is_meant
from supervisor_assets.facts import Facts, counted, reason_facts
from supervisor_assets.failures import told
from supervisor_assets.fingerprints.assets import fingerprints
from supervisor_assets.limits import limit_tags
from supervisor_assets.making import CLEANED, OWNERS, Group, Unmade, described
from supervisor_assets.partitions import intake
from supervisor_assets.pools import Pool
from supervisor_assets.thumbnails.assets import thumbnails
from supervisor_core.enrichment.modes import MODES, Asks, Mode
from supervisor_core.keys import IntakeKey

if TYPE_CHECKING:
    from supervisor_core.pipeline.enriching import EnrichReport

PREFIX = "enrichments"
_KINDS = {Asks.CHAT: {"ollama", "duckdb"}, Asks.EMBED: {"ollama", "duckdb"}}


class EnrichConfig(dg.Config):
    """What one run of a mode is to do; without anything, all that waits in the intake."""

    media_ids: list[str] = Field(
        default=[], description="Only these media (16 hex or more), whatever their profile asks."
    )
    batch: int = Field(default=0, ge=0, description="Items in hand at once; 0 follows the model.")
    limit: int = Field(default=0, ge=0, description="At most so many items; 0 is all.")
    minutes: float = Field(default=0.0, ge=0, description="No item begins later; 0 is no limit.")
    force: bool = Field(default=False, description="Make again what rests on the same.")


def key_of(mode: str) -> dg.AssetKey:
    """The key of a mode's asset."""
    return dg.AssetKey([PREFIX, mode])


def op_of(mode: str) -> str:
    """The name of a mode's step, as run config has it."""
    return f"{PREFIX}__{mode}"


def _asset(mode: Mode) -> dg.AssetsDefinition:
    """The asset of one mode: below the thumbnails, and below the modes whose results it reads."""

    @dg.asset(
        key=key_of(mode.name),
        partitions_def=intake,
        deps=_below(mode),
        output_required=False,
        group_name=Group.ENRICHMENT.value,
        owners=OWNERS,
        tags=CLEANED,
        kinds=_KINDS.get(mode.asks, {"python", "duckdb"}),
        code_version=str(mode.version),
        description=_description(mode),
        op_tags=limit_tags("model_total_s") if mode.asks is not Asks.NOTHING else None,
        pool=(Pool.CLEANING if mode.asks is Asks.NOTHING else Pool.MODEL).value,
    )
    def enrichment(
        context: dg.AssetExecutionContext, config: EnrichConfig, pipeline: PipelineResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        with told(context):
            report = _enrich(context, config, pipeline, mode.name)
            if report.results + report.skipped + report.measured == 0:
                context.log.info(Unmade.waiting(report.open, "none wanted").why)
                return
        yield dg.MaterializeResult(metadata=_facts(report))

    return enrichment


def _below(mode: Mode) -> list[dg.AssetKey]:
    """What it reads."""
    read = [key_of(one) for one in mode.inputs] or [thumbnails.key]
    return [*read, fingerprints.key] if mode.asks is Asks.NOTHING else read


def _enrich(
    context: dg.AssetExecutionContext, config: EnrichConfig, pipeline: PipelineResource, mode: str
) -> "EnrichReport":
    from supervisor_core.pipeline.enriching import Order

    order = Order(
        media=frozenset(config.media_ids),
        batch=config.batch,
        limit=config.limit,
        minutes=config.minutes,
        # A step that is tried again goes on, and does not begin anew.
        force=config.force and context.retry_number == 0,
    )
    work = pipeline.open()
    forget_what_is_meant(context, work, f"{PREFIX}/{mode}")
    return work.enrich(IntakeKey(context.partition_key), mode, order)


def _description(mode: Mode) -> str:
    how = {
        Asks.CHAT: "A vision model is asked." if mode.picture else "A model is asked.",
        Asks.EMBED: "A model makes the vectors, many in one request.",
        Asks.NOTHING: "Computed; no model is asked.",
    }
    return described(
        f"{mode.says} {how[mode.asks]} Each result is bound to all that it rests on, and made "
        "again only when some of that has changed.",
        reads=_reads(mode),
        fails="a model that is away fails nothing: its items wait and go on by themselves. "
        f"`supervisor-assets enrichments --mode {mode.name}` says what waits and why.",
    )


def _reads(mode: Mode) -> str:
    """What a question is made of, in words."""
    parts = {"the thumbnail": mode.picture, "the raw tags": mode.tags, "the prompt": mode.prompt}
    read = [name for name, wanted in parts.items() if wanted]
    read += [f"what {name} found" for name in mode.inputs]
    read += ["the fingerprints"] if mode.asks is Asks.NOTHING else []
    return ", ".join(read) + "."


def _facts(report: "EnrichReport") -> Facts:
    """What became of the items of an intake in one mode."""
    counts = {
        "done": report.done,
        "degraded": report.degraded,
        "abstained": report.abstained,
        "measured_only": report.measured,
        "unchanged": report.skipped,
        "busy_elsewhere": report.busy,
        "not_begun": report.left,
    }
    return counted(counts) | reason_facts({**report.blocked, **report.waiting, **report.failed})


enrichments = [_asset(mode) for mode in MODES.values()]
"""The assets of all modes, each after those that it reads."""
