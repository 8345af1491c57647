"""Copies of verified cleaned files in a bucket of the operator's, where one is set."""

from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import Facts, copy_facts
from supervisor_assets.making import Group, Unmade, described, intake_asset
from supervisor_assets.pools import Pool
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline


@intake_asset(
    below=cleaned_frames,
    group=Group.COPIES,
    kinds={"s3"},
    limits=("fetch_base_s",),
    pool=Pool.COPIES,
    description=described(
        "Every cleaned and verified file in the bucket SUPERVISOR_S3_WRITE_BUCKET, under its own "
        "SHA-256. What nobody has cleaned stays here, also where the profile asks for no cleaning.",
        reads="cleaned frames that were verified. Without a bucket nothing is made.",
        fails="a bucket that can't be reached fails nothing: the copies wait and are tried again. "
        "`supervisor-assets doctor` says whether it answers and takes the credentials.",
    ),
)
def bucket_copies(work: Pipeline, key: IntakeKey) -> Facts | Unmade:
    """Sends what does not lie there yet; what can't be sent now waits with its reason."""
    report = work.copy_out(key)
    if not report.copied + report.unchanged:
        return Unmade.waiting(report.open, "none wanted")
    return copy_facts(report)
