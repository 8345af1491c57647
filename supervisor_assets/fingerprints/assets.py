"""Whether files are whole, and what they look like: beside what a model says, and without one."""

from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.facts import Facts
from supervisor_assets.fingerprints.facts import (
    fingerprint_facts,
    integrity_facts,
    upscale_facts,
)
from supervisor_assets.making import Group, Unmade, described, intake_asset
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.pipeline.checking import check_integrity
from supervisor_core.pipeline.enlarging import upscale_wished
from supervisor_core.pipeline.fingerprinting import take_fingerprints
from supervisor_core.store import fingerprints as taken
from supervisor_core.store import integrity as read

_READABLE = "files that may be read: cleaned and verified, or of a library that masks nothing."


@intake_asset(
    below=cleaned_frames,
    group=Group.FILES,
    kinds={"ffmpeg", "duckdb"},
    code_version=read.VERSION,
    limits=("integrity_base_s", "integrity_rate"),
    description=described(
        "Every readable file read from its first byte to its last: its SHA-256 compared with the "
        "one it came in or was cleaned with, and every frame decoded.",
        reads=_READABLE,
        fails="a broken file is a result: the check `decodes` fails and counts it by reason. Put "
        "it back from a backup; it is read again by itself, and half a year later in any case.",
    ),
)
def integrity(work: Pipeline, key: IntakeKey) -> Facts | Unmade:
    """Reads what was not read yet, or long ago; a broken file is a result and fails no run."""
    report = work.do(check_integrity, key)
    if not report.files:
        return Unmade("Nothing of this intake is to be read.")
    return integrity_facts(report)


@intake_asset(
    below=cleaned_frames,
    group=Group.FILES,
    kinds={"ffmpeg", "duckdb"},
    code_version=taken.VERSION,
    limits=("fingerprint_base_s", "fingerprint_rate"),
    description=described(
        "What every readable picture and every quarter of a second of a video looks like (PDQ, 256 "
        "bits), and which of all that came before look the same.",
        reads=_READABLE,
        fails="see the reason on the materialization or the run. What was found is listed by "
        "`supervisor-assets duplicates`; nothing is ever removed for it.",
    ),
)
def fingerprints(work: Pipeline, key: IntakeKey) -> Facts | Unmade:
    """Takes what is missing, and compares what is new with all others."""
    report = work.do(take_fingerprints, key)
    if not report.files:
        return Unmade("Nothing of this intake is to be compared.")
    return fingerprint_facts(report)


@intake_asset(
    below=cleaned_frames,
    group=Group.PICTURES,
    kinds={"png", "jpeg", "duckdb"},
    limits=("upscale_base_s",),
    description=described(
        "Larger pictures that somebody has asked for, made of readable stills by Lanczos, Forge or "
        "Real-ESRGAN; each is linked to its parent, the largest is shown in its place.",
        reads="readable stills that `supervisor-assets upscale` names; of others nothing is made.",
        fails="what waits for Forge stays asked for and is made once it answers. "
        "`supervisor-assets doctor` says which ways there are.",
    ),
)
def upscales(work: Pipeline, key: IntakeKey) -> Facts | Unmade:
    """Makes what is asked for; what waits for Forge stays asked for."""
    report = work.do(upscale_wished, key)
    if not report.made + report.there:
        return Unmade.waiting(report.open, "none is asked for")
    return upscale_facts(report)
