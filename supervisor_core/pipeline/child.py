"""What runs inside the worker's child: everything that reads or writes media or asks a model.

Paths come in, small values go out. What needs heavy libraries is imported where it is used, so that
the process that only gives orders stays light.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor_core.cleaning.job import CleanReport, Finding, Job, VerifyReport
from supervisor_core.libraries.visit import Glimpse, Order
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Kind
from supervisor_core.media.policy import Profile, check_policy, check_size
from supervisor_core.reasons import Failed

if TYPE_CHECKING:
    from supervisor_core.analysis.choosing import Chosen
    from supervisor_core.model.child import Request
    from supervisor_core.model.health import Health
    from supervisor_core.model.ollama import Answer

UNCLASSIFIED = "unclassified"


@dataclass(frozen=True)
class Examined:
    """A file that may come in; `tags` are DICOM's, for the restricted store only.

    `glimpse` is what a still of a library looks like and says of itself.
    """

    sha256: str
    info: MediaInfo
    tags: Mapping[str, str] = field(default_factory=dict)
    glimpse: Glimpse | None = None


@dataclass(frozen=True)
class Read:
    """One text that was read, its kind, when (s) and where (pixels); for the restricted store."""

    kind: str
    text: str
    where: Finding


@dataclass(frozen=True)
class Made:
    """A finished cleaned file; the report comes without what was read."""

    report: CleanReport
    sha256: str
    size_bytes: int
    read: tuple[Read, ...] = ()


def examine(path: Path, outside_name: str, profile: Profile) -> Examined:
    """Looks whether a file may come in, and hashes it.

    Raises `Failed` with the rule that it breaks, or with what can't be read.
    """
    from supervisor_core.media.hashing import sha256_of
    from supervisor_core.media.probe import probe

    check_size(path.lstat().st_size, profile)
    info = probe(path, outside_name)
    check_policy(info, profile)
    return Examined(sha256_of(path), info, _tags(path, info))


def visit_files(orders: Sequence[Order]) -> list[Examined | Failed]:
    """Looks at files of a library where they lie, see `libraries.visiting.visit`.

    One that is bad stops no other.
    """
    return [_visited(order) for order in orders]


def _visited(order: Order) -> Examined | Failed:
    from supervisor_core.libraries.visiting import visit
    from supervisor_core.pipeline.places import failed_from

    try:
        sha256, info, glimpse = visit(order)
        return Examined(sha256, info, _tags(order.root / order.path, info), glimpse)
    except Failed as failed:
        return failed
    except OSError as error:
        return failed_from(error)


def copy_file(order: Order) -> None:
    """Copies a file of a library; see `libraries.visiting.copy`."""
    from supervisor_core.libraries.visiting import copy

    copy(order)


def _tags(path: Path, info: MediaInfo) -> Mapping[str, str]:
    if info.kind is not Kind.DICOM:
        return {}
    from supervisor_core.media.dicom import read_dicom

    return read_dicom(path).tags


def clean_file(job: Job) -> Made:
    """Cleans one file at one level; the destination is complete and hashed when this returns."""
    from supervisor_core.cleaning.ladder import clean
    from supervisor_core.media.hashing import sha256_of

    report = clean(job)
    return Made(
        report=replace(report, findings=()),
        sha256=sha256_of(job.destination),
        size_bytes=job.destination.stat().st_size,
        read=tuple(_classified(report.findings, job.names)),
    )


def _classified(findings: Iterable[Finding], names_file: Path | None) -> Iterator[Read]:
    """Says of every text what kind of identifiers it holds, with those that appeared beside it."""
    from supervisor_core.cleaning.identifiers import NameList, classify_together

    names = NameList.default(names_file)
    ordered = sorted(findings, key=lambda one: (one.first_s, one.y, one.x))
    for _, group in groupby(ordered, key=lambda one: one.first_s):
        together = list(group)
        kinds = classify_together([one.text for one in together], names)
        for where, identifiers in zip(together, kinds, strict=True):
            for identifier in identifiers:
                yield Read(identifier.kind.value, identifier.text, where)
            if not identifiers:
                yield Read(UNCLASSIFIED, where.text, where)


def verify_file(job: Job, report: CleanReport) -> VerifyReport:
    """Reads a finished file again; see `cleaning.ladder.verify`."""
    from supervisor_core.cleaning.ladder import verify

    return verify(job, report)


def draw_thumbnail(source: Path, destination: Path, longest_side: int) -> None:
    """Writes a small JPEG of a readable file."""
    from supervisor_core.media.thumbnail import write_thumbnail

    write_thumbnail(source, destination, longest_side)


def choose_frames(source: Path, folder: Path, count: int, side: int) -> "Chosen":
    """Chooses the frames of a readable file to show to a model; see `analysis.choosing`."""
    from supervisor_core.analysis.child import prepare

    return prepare(source, folder, count, side)


def ask_model(request: "Request") -> "Answer":
    """Asks a model; see `model.ollama.ModelServer.ask`."""
    from supervisor_core.model.child import ask

    return ask(request)


def look_at_model(url: str, model: str, hosts: Collection[str], limit_s: float) -> "Health":
    """Looks whether a model can be asked; see `model.health.look`."""
    from supervisor_core.model.health import look

    return look(url, model, hosts, limit_s)
