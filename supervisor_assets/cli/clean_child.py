"""What `clean` has done in the worker's child: everything that reads or writes media.

What was read from the pictures stays in the child: nobody here may keep it.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from supervisor_core.cleaning.job import CleanReport, Job, Level, VerifyReport
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.media.policy import Profile, check_policy, check_size


@dataclass(frozen=True)
class Looked:
    """A file that may be cleaned, and the format that comes out."""

    info: MediaInfo
    output: Container


def look(path: Path, profile: Profile, masks: Path) -> Looked:
    """Looks whether the file may be cleaned under this profile, and with its device.

    Raises `Failed` with the rule that it breaks, or with what can't be read.
    """
    from supervisor_core.cleaning.device_masks import load_mask
    from supervisor_core.cleaning.ladder import output_format
    from supervisor_core.media.files import open_regular
    from supervisor_core.media.probe import probe

    if profile.device is not None:
        load_mask(profile.device, masks)
    with open(open_regular(path), "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        size_bytes = file.seek(0, 2)
    check_size(size_bytes, profile)
    info = probe(path)
    check_policy(info, profile)
    job = Job(path, path, info.container, Level.FRAME_LEVEL, profile.mask, profile.audio)
    return Looked(info, output_format(job))


def clean(job: Job) -> CleanReport:
    """Cleans at one level; see `cleaning.ladder.clean`. The report comes without what was read."""
    from supervisor_core.cleaning import ladder

    return replace(ladder.clean(job), findings=())


def verify(job: Job, report: CleanReport) -> VerifyReport:
    """Reads the finished file again; see `cleaning.ladder.verify`."""
    from supervisor_core.cleaning import ladder

    return ladder.verify(job, report)
