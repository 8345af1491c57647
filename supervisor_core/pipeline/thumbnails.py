"""Small pictures for people and lineage: made from what passed the gate, from nothing else.

A video gets a scrub strip as well (`media.sprites`). Where only that can't be drawn, the item
counts as failed, and is shown with the picture that it has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.media.files import publish
from supervisor_core.media.kinds import Container, Kind
from supervisor_core.media.sprites import layout_of
from supervisor_core.pipeline import places
from supervisor_core.pipeline.batches import Batch, Claim, Result, Work
from supervisor_core.pipeline.context import Context, Progress
from supervisor_core.pipeline.falls import stays
from supervisor_core.pipeline.reports import StepReport
from supervisor_core.pipeline.rules import Profiles
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import Connection, attempts, gate, leases, outputs
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.media import Media
from supervisor_core.store.outputs import Output
from supervisor_core.store.progress import IntakeSummary

LONGEST_SIDE = 512
PART, SPRITE_PART = "thumbnail.part", "sprite.part"
_SMALL = "thumbnail.jpg"  # out of the way of a kill, which sweeps what is half done
PREVIEW_BYTES = 8_000
"""What goes into Dagster's database goes there for every intake, and several times."""
PREVIEW_SIDES = (256, 192, 128, 64)


@dataclass(frozen=True)
class Drawn:
    """The finished pictures of a readable file; a video has a scrub strip as well."""

    path: Path
    sha256: str
    sprite: Path | None = None


class WithoutSprite(Failed):
    """The scrub strip can't be drawn, the small picture is there."""

    def __init__(self, failed: Failed, drawn: Drawn) -> None:
        super().__init__(failed.reason, **failed.facts)
        self.drawn = drawn


@dataclass(frozen=True)
class Subject:
    """A readable file of which pictures are drawn, and whether it is a video."""

    media: MediaKey
    sha256: str
    is_video: bool

    @classmethod
    def of(cls, media: Media, output: Output | None) -> "Subject | None":
        """What is drawn of a media; None when nothing of it may be read."""
        readable = gate.pass_gate(media, output)
        if readable is None:
            return None
        cleaned = output is not None and readable.sha256 == output.sha256
        container = Container(output.kind) if output and cleaned else media.info.container
        return cls(media.media, readable.sha256, container.kind is Kind.VIDEO)

    def is_drawn(self, home: Home) -> bool:
        """True when all its pictures are there."""
        small, sprite = places.drawn_of(home, self.sha256)
        return small.exists() and (sprite.exists() or not self.is_video)


def subjects(connection: Connection, media: Iterable[MediaKey]) -> list[Subject]:
    """Those of these media that may be read."""
    known = media_table.load(connection, media)
    files = outputs.current(connection, known)
    found = (Subject.of(one, files.get(key)) for key, one in known.items())
    return [one for one in found if one]


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
    drawable = {media.media: Subject.of(media, files.get(media.media)) for media in members}
    # Also what was drawn before for the same content: so that the store says it is there.
    undrawn = attempts.undrawn(connection, [media.media for media in members])
    return [
        media
        for media in members
        if (one := drawable[media.media])
        and (media.media in undrawn or not one.is_drawn(context.home))
    ]


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
        source = places.readable_file(context.home, readable)
        context.worker.call(
            context.tools.draw,
            source,
            folder / PART,
            LONGEST_SIDE,
            limit_s=context.settings.thumbnail_s,
            scratch=[folder],
            on_progress=on_progress,
        )
        drawn = Drawn((folder / PART).rename(folder / _SMALL), readable.sha256)
        subject = Subject.of(claim.media, claim.output)
        if subject is None or not subject.is_video:
            return drawn
        return self._with_sprite(drawn, claim.media, source)

    def _with_sprite(self, drawn: Drawn, media: Media, source: Path) -> Drawn:
        context, settings = self._context, self._context.settings
        part = drawn.path.with_name(SPRITE_PART)
        try:
            context.worker.call(
                context.tools.draw_sprite,
                source,
                part,
                layout_of(media.info),
                limit_s=settings.thumbnail_s + settings.frames_rate * (media.info.seconds or 0.0),
                scratch=[part.parent],
            )
        except Failed as failed:
            if stays(failed.reason):
                raise
            raise WithoutSprite(failed, drawn) from None
        return replace(drawn, sprite=part)

    def write(
        self, connection: Connection, results: Sequence[tuple[Media, Result[Drawn]]]
    ) -> list[Media]:
        files = outputs.current(connection, [media.media for media, _ in results])
        for media, result in results:
            readable = gate.pass_gate(media, files.get(media.media))
            found = result.value
            drawn = found.drawn if isinstance(found, WithoutSprite) else found
            if isinstance(drawn, Drawn) and readable and readable.sha256 == drawn.sha256:
                self._show(drawn)
        return [media for media, _ in results]

    def _show(self, drawn: Drawn) -> None:
        small, sprite = places.drawn_of(self._context.home, drawn.sha256)
        places.make_public(small.parent)
        for made, path in ((drawn.sprite, sprite), (drawn.path, small)):
            if made:
                made.chmod(places.PUBLIC_FILE)
                publish(made, path)
