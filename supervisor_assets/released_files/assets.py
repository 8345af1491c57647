"""What a person has let out, under readable names in a folder or a bucket."""

from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import Facts, counted, reason_facts
from supervisor_assets.making import Group, Unmade, described, intake_asset
from supervisor_assets.pools import Pool
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline


@intake_asset(
    below=cleaned_frames,
    group=Group.COPIES,
    kinds={"file"},
    limits=("fetch_base_s",),
    pool=Pool.RELEASES,
    description=described(
        "Just those files that a person has looked at and released, byte for byte, in `released/` "
        "of the home, or where SUPERVISOR_RELEASE_FOLDER or SUPERVISOR_RELEASE_BUCKET says. What "
        "was withdrawn, held, rejected or cleaned anew since is taken away again.",
        reads="cleaned frames, and what persons have decided on the pages.",
        fails="a place that can't be reached fails nothing: its files wait and are tried again. "
        "`supervisor-assets doctor` says whether it is there.",
    ),
)
def released_files(work: Pipeline, key: IntakeKey) -> Facts | Unmade:
    """Takes away first, then puts out; what can't be put out now waits with its reason."""
    from supervisor_core.pipeline.releasing import put_out

    report = work.do(put_out, key)
    if not report.put_out + report.unchanged + report.taken_away:
        return Unmade.waiting(report.open, "none released")
    counts = {
        "files": report.put_out + report.unchanged,
        "released": report.released,
        "put_out": report.put_out,
        "bytes": report.size_bytes,
        "unchanged": report.unchanged,
        "taken_away": report.taken_away,
        "busy_elsewhere": report.busy,
    }
    return counted(counts) | reason_facts({**report.blocked, **report.waiting, **report.failed})
