"""What people see of checks and fingerprints in the catalogue."""

from typing import TYPE_CHECKING

from supervisor_assets.facts import Facts, counted, reason_facts

if TYPE_CHECKING:
    from supervisor_core.pipeline.checking import IntegrityReport
    from supervisor_core.pipeline.enlarging import UpscaleReport
    from supervisor_core.pipeline.fingerprinting import FingerprintReport


def integrity_facts(report: "IntegrityReport") -> Facts:
    """How many files were read, and what is wrong with those that are not right."""
    counts = {
        "files": report.files,
        "checked": report.checked,
        "unchanged": report.unchanged,
        "broken": sum(report.broken.values()),
        "busy_elsewhere": report.busy,
    }
    reasons = {**report.broken, **report.waiting, **report.blocked}
    return counted(counts) | reason_facts(reasons)


def fingerprint_facts(report: "FingerprintReport") -> Facts:
    """How many fingerprints are new, and how many likenesses they have."""
    counts = {
        "files": report.files,
        "taken": report.taken,
        "unchanged": report.unchanged,
        "likenesses": report.pairs,
        "busy_elsewhere": report.busy,
    }
    reasons = {**report.failed, **report.waiting, **report.blocked}
    return counted(counts) | reason_facts(reasons)


def upscale_facts(report: "UpscaleReport") -> Facts:
    """How many larger pictures were asked for and made."""
    counts = {
        "asked_for": report.wanted,
        "made": report.made,
        "there_already": report.there,
        "busy_elsewhere": report.busy,
    }
    reasons = {**report.failed, **report.waiting, **report.blocked}
    return counted(counts) | reason_facts(reasons)
