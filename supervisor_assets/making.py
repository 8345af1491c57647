"""What the assets and checks of an intake have in common, so that each says what is its own.

An asset here is a function of the pipeline and the intake's key. It returns what people see of what
was made, or why nothing was: then there is nothing to materialise, and the run goes on.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

import dagster as dg

from resources import PipelineResource
from supervisor_assets.again import forget_what_is_meant
from supervisor_assets.facts import Facts
from supervisor_assets.failures import told
from supervisor_assets.limits import limit_tags
from supervisor_assets.partitions import intake
from supervisor_assets.pools import Pool
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Failed
from supervisor_core.settings import Settings

HOLDS_TAG = "supervisor/holds"
RAW, CLEANED = {HOLDS_TAG: "raw"}, {HOLDS_TAG: "cleaned"}
"""Whether what an asset stands for may still show who somebody is."""


class Group(StrEnum):
    """How the graph is divided."""

    ARRIVAL = "arrival"
    CLEANING = "cleaning"
    PICTURES = "pictures"
    ANALYSIS = "analysis"
    FILES = "files"
    ENRICHMENT = "enrichment"
    COPIES = "copies"
    HEALTH = "health"


@dataclass(frozen=True)
class Unmade:
    """Nothing was made, for a reason that is no failure."""

    why: str

    @classmethod
    def waiting(cls, reasons: Iterable[str], otherwise: str) -> "Unmade":
        """What waits says why; where nothing waits, nothing was wanted."""
        return cls("Nothing yet: " + (", ".join(sorted(reasons)) or otherwise))


Make = Callable[[Pipeline, IntakeKey], Facts | Unmade]
Judge = Callable[[Pipeline, IntakeKey], dg.AssetCheckResult]


def owners() -> list[str]:
    """Who answers for the assets, as SUPERVISOR_OWNERS says; by default where a setting is wrong.

    Whoever works then says which setting that is; here it would only hide all pages.
    """
    try:
        settings = Settings.load()
    except Failed:
        settings = Settings.model_construct()
    return settings.owner_names


OWNERS = owners()


def described(what: str, *, reads: str, fails: str) -> str:
    """What an asset is, what it is made from, and what to do when it can't be made."""
    return f"{what}\n\n**Made from:** {reads}\n\n**When it fails:** {fails}"


def version_of(parts: Iterable[str]) -> str:
    """The version of what is made of these: what hangs below is out of date once it differs."""
    return sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]


def intake_asset(
    *,
    group: Group,
    kinds: set[str],
    below: dg.AssetsDefinition,
    description: str,
    code_version: str = "1",
    limits: tuple[str, ...] = (),
    pool: Pool = Pool.CLEANING,
) -> Callable[[Make], dg.AssetsDefinition]:
    """An asset of every intake, made from what may be read of it."""

    def decorated(make: Make) -> dg.AssetsDefinition:
        @dg.asset(
            name=make.__name__,
            partitions_def=intake,
            deps=[below],
            output_required=False,
            group_name=group.value,
            owners=OWNERS,
            kinds=kinds,
            tags=CLEANED,
            code_version=code_version,
            description=description,
            op_tags=limit_tags(*limits) if limits else None,
            pool=pool.value,
        )
        def asset(
            context: dg.AssetExecutionContext, pipeline: PipelineResource
        ) -> Iterator[dg.MaterializeResult[None]]:
            with told(context):
                work = pipeline.open()
                forget_what_is_meant(context, work, make.__name__)
                made = make(work, IntakeKey(context.partition_key))
                if isinstance(made, Unmade):
                    context.log.info(made.why)
                    return
            yield dg.MaterializeResult(metadata=made)

        return asset

    return decorated


def intake_check(
    asset: dg.AssetsDefinition, description: str, *, blocking: bool = False
) -> Callable[[Judge], dg.AssetChecksDefinition]:
    """A check of one intake of an asset, which is judged by what the store says of it now.

    A blocking one ends its run where it fails with ERROR.
    """

    def decorated(judge: Judge) -> dg.AssetChecksDefinition:
        def check(
            context: dg.AssetCheckExecutionContext, pipeline: PipelineResource
        ) -> dg.AssetCheckResult:
            with told(context):
                return judge(pipeline.open(), IntakeKey(context.partition_key))

        check.__doc__ = judge.__doc__  # what its step says it does
        spec = dg.asset_check(
            asset=asset,
            name=judge.__name__,
            partitions_def=intake,
            description=description,
            blocking=blocking,
        )
        return spec(check)

    return decorated
