"""Small pictures for people and lineage: made from what passed the gate, from nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from supervisor_core.keys import IntakeKey
from supervisor_core.media.files import publish
from supervisor_core.pipeline import places
from supervisor_core.pipeline.batches import Batch, Claim, Result, Work
from supervisor_core.pipeline.context import Context, Progress
from supervisor_core.pipeline.reports import StepReport
from supervisor_core.pipeline.rules import Profiles
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import Connection, attempts, gate, leases, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.gate import Readable
from supervisor_core.store.media import Media
from supervisor_core.store.progress import IntakeSummary

LONGEST_SIDE = 512
PART = "thumbnail.part"
PREVIEW_BYTES = 8_000
"""What goes into Dagster's database goes there for every intake, and several times."""
PREVIEW_SIDES = (256, 192, 128, 64)


@dataclass(frozen=True)
class Drawn:
    """A finished small picture of a readable file."""

    path: Path
    sha256: str


def thumbnails(context: Context, intake: IntakeKey, at_most: int | None = None) -> StepReport:
    """Draws the thumbnails that are missing; see `Pipeline.thumbnails`."""
    batch = Batch(context, intake, None, _Drawing(context))
    profiles = Profiles(context.profiles_folder())
    with context.store.write() as connection:
        members = media_table.of_intake(connection, intake)
        wanted = _missing(connection, context, members)[:at_most]
        held = leases.acquire(connection, wanted, context.owner, context.now(), context.lease_end())
        files = outputs.current(connection, [media.media for media in held])
        came_in = media_table.profiles_of(connection, [media.media for media in held])
        batch.open(
            connection,
            [Claim(one, profiles.rules(came_in[one.media]), files.get(one.media)) for one in held],
        )
    tally = batch.run()
    return StepReport(
        intake=intake,
        step=Step.THUMBNAIL,
        done=tally.done,
        skipped=len(members) - len(wanted),
        busy=len(wanted) - len(held),
        failed=dict(tally.failed),
        waiting=dict(tally.waiting),
    )


def preview(context: Context, summary: IntakeSummary) -> bytes | None:
    """A JPEG of at most 8 kB of the first item that may be shown; its thumbnail is drawn first."""
    items = summary.media.values()
    readable = (gate.pass_gate(item.media, item.output) for item in items if item.media)
    first = next((one for one in readable if one is not None), None)
    if first is None:
        return None
    found = places.thumbnail(context.home, first.sha256)
    if not found.exists():
        thumbnails(context, summary.intake, at_most=1)
    return _small(context, found) if found.exists() else None


def _small(context: Context, drawn: Path) -> bytes | None:
    """The thumbnail, or a smaller one; None where it can't be made: no step fails for that."""
    if drawn.stat().st_size <= PREVIEW_BYTES:
        return drawn.read_bytes()
    folder = places.attempt_folder(context.home, uuid4().hex)  # of no attempt: swept when left
    try:
        folder.mkdir()
        return _first_small(context, drawn, folder / PART)
    except (Failed, OSError) as error:
        if isinstance(error, Failed) and error.reason is Reason.CANCELLED:
            raise
        return None
    finally:
        places.remove_folder(folder)


def _first_small(context: Context, drawn: Path, part: Path) -> bytes | None:
    for side in PREVIEW_SIDES:
        limit_s = context.settings.thumbnail_s
        context.worker.call(context.tools.draw, drawn, part, side, limit_s=limit_s)
        if part.stat().st_size <= PREVIEW_BYTES:
            return part.read_bytes()
    return None


def _missing(connection: Connection, context: Context, members: Sequence[Media]) -> list[Media]:
    files = outputs.current(connection, [media.media for media in members])
    readable = {media.media: gate.pass_gate(media, files.get(media.media)) for media in members}
    # Also what was drawn before for the same content: so that the store says it is there.
    undrawn = attempts.undrawn(connection, [media.media for media in members])
    return [
        media
        for media in members
        if (one := readable[media.media]) and (media.media in undrawn or not _drawn(context, one))
    ]


def _drawn(context: Context, readable: Readable) -> bool:
    return places.thumbnail(context.home, readable.sha256).exists()


class _Drawing(Work[Drawn]):
    step = Step.THUMBNAIL

    def __init__(self, context: Context) -> None:
        self._context = context

    def do(self, claim: Claim, attempt: Attempt, on_progress: Progress | None) -> Drawn:
        context = self._context
        readable = gate.pass_gate(claim.media, claim.output)
        if readable is None:
            raise Failed(Reason.NOT_VERIFIED)
        folder = places.attempt_folder(context.home, attempt.id)
        folder.mkdir()
        part = folder / PART
        context.worker.call(
            context.tools.draw,
            places.readable_file(context.home, readable),
            part,
            LONGEST_SIDE,
            limit_s=context.settings.thumbnail_s,
            scratch=[folder],
            on_progress=on_progress,
        )
        return Drawn(part, readable.sha256)

    def write(
        self, connection: Connection, results: Sequence[tuple[Media, Result[Drawn]]]
    ) -> list[Media]:
        files = outputs.current(connection, [media.media for media, _ in results])
        for media, result in results:
            readable = gate.pass_gate(media, files.get(media.media))
            drawn = result.value
            if isinstance(drawn, Drawn) and readable and readable.sha256 == drawn.sha256:
                self._show(drawn)
        return [media for media, _ in results]

    def _show(self, drawn: Drawn) -> None:
        path = places.thumbnail(self._context.home, drawn.sha256)
        places.make_public(path.parent)
        drawn.path.chmod(places.PUBLIC_FILE)
        publish(drawn.path, path)
