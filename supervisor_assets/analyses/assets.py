"""What a vision model says of cleaned pictures: scores with their frames, or null and why."""

from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import Facts, analysis_facts
from supervisor_assets.making import Group, Unmade, described, intake_asset
from supervisor_assets.pools import Pool
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline


@intake_asset(
    below=cleaned_frames,
    group=Group.ANALYSIS,
    kinds={"ollama", "duckdb"},
    limits=("model_total_s",),
    pool=Pool.MODEL,
    description=described(
        "What a vision model says of a few frames of every cleaned and verified file. Each score "
        "names the frames it rests on; what the model can't or won't say is null with a reason.",
        reads="cleaned frames that were verified, and the analysis profile of their source.",
        fails="a model that is away fails nothing: its items wait and go on by themselves. "
        "`supervisor-assets analyses` says what waits and why, `supervisor-assets doctor` whether "
        "the server and its model answer; `supervisor-assets retry` tries failed ones again.",
    ),
)
def analyses(work: Pipeline, key: IntakeKey) -> Facts | Unmade:
    """Asks about what may be shown; while the model is away the items wait, and nothing is made."""
    report = work.analyse(key)
    if report.results + report.skipped == 0:
        return Unmade.waiting(report.open, "none wanted")
    return analysis_facts(report, work.evidence(key), work.settings.model)
