"""Small pictures of cleaned files: what people see first, made of nothing that was not proven."""

import dagster as dg

from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import Facts, picture_facts, reason_facts
from supervisor_assets.failures import require_none_waiting
from supervisor_assets.making import Group, Unmade, described, intake_asset
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline


@intake_asset(
    below=cleaned_frames,
    group=Group.PICTURES,
    kinds={"jpeg", "duckdb"},
    limits=("thumbnail_s", "frames_rate"),
    description=described(
        "A small picture of every cleaned and verified file, and a scrub strip of every video; "
        "nothing for what is aside.",
        reads="cleaned frames that were verified, never a raw file.",
        fails="see the reason on the run. The file itself is shown all the same; "
        "materialize this asset again for the intake to have its pictures drawn.",
    ),
)
def thumbnails(work: Pipeline, key: IntakeKey) -> Facts | Unmade:
    """Draws what is missing; an intake of which nothing may be shown stays without a picture."""
    summary = work.summary(key)
    if not summary.verified:
        return Unmade("Nothing of this intake may be shown.")
    report = work.thumbnails(key)
    require_none_waiting(report.waiting)
    facts: Facts = {"pictures": dg.MetadataValue.int(summary.verified)}
    return facts | reason_facts(report.failed) | picture_facts(work.preview(summary))
