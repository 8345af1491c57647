"""What people see of an intake in the catalogue: typed metadata, without a name from outside."""

from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from supervisor_core.media.info import MediaInfo
from supervisor_core.pipeline.masked_times import masked_times
from supervisor_core.reasons import Reason
from supervisor_core.states import Arrival
from supervisor_core.store.outputs import Output
from supervisor_core.store.progress import IntakeSummary

if TYPE_CHECKING:
    from supervisor_core.analysis.standing import Evidence
    from supervisor_core.pipeline.analysing import AnalysisReport
    from supervisor_core.pipeline.copying import CopyReport

Facts = dict[str, dg.MetadataValue]


def arrival_facts(summary: IntakeSummary) -> Facts:
    """What came in, and what became of it."""
    media = [item.media.info for item in summary.media.values() if item.media]
    return {
        "profile": dg.MetadataValue.text(summary.profile),
        "files": dg.MetadataValue.int(len(summary.items)),
        "imported": dg.MetadataValue.int(summary.arrivals.get(Arrival.IMPORTED, 0)),
        "duplicates": dg.MetadataValue.int(summary.arrivals.get(Arrival.DUPLICATE, 0)),
        "refused": dg.MetadataValue.int(summary.arrivals.get(Arrival.REFUSED, 0)),
        "size_bytes": dg.MetadataValue.int(sum(info.size_bytes for info in media)),
        "media_seconds": _number(sum(info.seconds or 0 for info in media)),
        "formats": dg.MetadataValue.text(_joined({_format(info) for info in media})),
    } | reason_facts(summary.reasons)


def cleaning_facts(summary: IntakeSummary) -> Facts:
    """How it was cleaned, by which rules, and what was proven."""
    rules = _joined({_rules(one) for one in summary.outputs})
    return {
        "level": dg.MetadataValue.text(str(summary.worst_level or "none")),
        **reason_facts(summary.reasons),
        **({"rests_on": dg.MetadataValue.text(rules)} if rules else {}),
        "media": dg.MetadataValue.int(len(summary.media)),
        "verified": dg.MetadataValue.int(summary.verified),
        "frames": dg.MetadataValue.int(summary.frames),
        "frames_inspected": dg.MetadataValue.int(summary.frames_inspected),
        "masked_regions": dg.MetadataValue.int(summary.regions),
        "coverage_percent": _number(100 * summary.coverage),
        "seconds": _number(summary.seconds),
        "levels": dg.MetadataValue.json({str(level): n for level, n in summary.levels.items()}),
    }


def analysis_facts(report: "AnalysisReport", evidence: "Evidence", model: str) -> Facts:
    """What became of the analyses of an intake, and how much was said in all of them."""
    counts = {
        "scores": evidence.scores,
        "nulls": evidence.nulls,
        "done": report.done,
        "degraded": report.degraded,
        "abstained": report.abstained,
        "unchanged": report.skipped,
        "busy_elsewhere": report.busy,
    }
    facts = counted(counts) | {"model": dg.MetadataValue.text(model)}
    return facts | reason_facts({**report.blocked, **report.waiting, **report.failed})


def copy_facts(report: "CopyReport") -> Facts:
    """What became of the copies of an intake."""
    counts = {
        "files": report.copied + report.unchanged,
        "copied": report.copied,
        "bytes": report.size_bytes,
        "unchanged": report.unchanged,
        "busy_elsewhere": report.busy,
        "raw_not_copied": report.raw,
    }
    return counted(counts) | reason_facts({**report.blocked, **report.waiting, **report.failed})


def counted(counts: Mapping[str, int]) -> Facts:
    """Whole numbers, by name."""
    return {name: dg.MetadataValue.int(count) for name, count in counts.items()}


def reason_facts(reasons: Mapping[Reason, int]) -> Facts:
    """Why items did not come further, and what to do; nothing when all did.

    It is plain text: of a check and a run the pages show Markdown only when it is asked for.
    """
    if not reasons:
        return {}
    lines = [
        f"{reason} ({count}): {reason.sentence} {reason.next_step}"
        for reason, count in sorted(reasons.items())
    ]
    return {"reasons": dg.MetadataValue.text("\n".join(lines))}


def picture_facts(content: bytes | None) -> Facts:
    """A small JPEG of a cleaned picture, inside the metadata itself."""
    return {"picture": embedded("cleaned", "jpeg", content)} if content else {}


def masked_facts(summary: IntakeSummary) -> Facts:
    """When texts were masked in an intake's videos: a strip for each, over its time."""
    found = [
        (item.media.info.seconds, masked_times(item.output))
        for item in summary.media.values()
        if item.media and item.media.info.seconds and item.output
    ]
    if not any(spans for _, spans in found):
        return {}
    # What draws takes a while to import, and most runs draw nothing.
    from supervisor_core.media.strips import Strip, draw_strips

    content = draw_strips([Strip(seconds, spans) for seconds, spans in found])
    return {"masked_over_time": embedded("masked over time", "png", content)}


def embedded(said: str, kind: str, content: bytes) -> dg.MarkdownMetadataValue:
    """A small picture that goes into Dagster's database itself."""
    data = b64encode(content).decode("ascii")
    return dg.MetadataValue.md(f"![{said}](data:image/{kind};base64,{data})")


def _number(value: float) -> dg.FloatMetadataValue:
    return dg.MetadataValue.float(round(float(value), 3))


def _format(info: MediaInfo) -> str:
    return f"{info.container} {info.codec} {info.width}x{info.height}"


def _rules(output: Output) -> str:
    """What a cleaned file is bound to: mask, sound and device by its profile, and our code."""
    return f"{output.policy}, code {output.code_version}"


def _joined(words: set[str]) -> str:
    first = sorted(words)[:5]
    return ", ".join(first) + (", ..." if len(words) > len(first) else "")
