"""Makes pictures larger that somebody has asked for, and answers each request by what came of it.

A request stays open until its picture is there, or surely will not be: so one that waits for Forge
survives every run and restart. The gate is asked when the work begins, and again in the transaction
in which the larger picture gets its name in derivatives/, which everybody may look into.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from supervisor_core.enrichment import child
from supervisor_core.enrichment.larger import ForgeTerms, Larger, Method, Order
from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.media.files import publish
from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Kind
from supervisor_core.pipeline import places
from supervisor_core.pipeline.context import Context, Progress
from supervisor_core.pipeline.each import AGAIN, Doing, File, work_through
from supervisor_core.pipeline.tasks import TaskReport, Terms
from supervisor_core.reasons import Class, Failed, Reason
from supervisor_core.repair import Cause, OpenIntake, by_intake
from supervisor_core.settings import Settings
from supervisor_core.states import Work
from supervisor_core.store import Connection, gate, lookup, requests, variants, work
from supervisor_core.store import media as media_table
from supervisor_core.store.attempts import Attempt, Step
from supervisor_core.store.requests import Request, State
from supervisor_core.store.variants import Variant
from supervisor_core.store.work import Task, is_held

VERSION = "1"
_PART = "larger.part"
_MEGAPIXEL = 1_000_000
_LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class UpscaleReport(TaskReport):
    """What became of the requests for an intake's pictures; `wanted` were open before this call."""

    wanted: int = 0
    made: int = 0
    there: int = 0


@dataclass(frozen=True)
class Wish:
    """An open request for a larger picture."""

    id: str
    media: MediaKey
    scale: float

    @classmethod
    def of(cls, request: Request) -> "Wish":
        """What a request asks for."""
        return cls(request.id, MediaKey(request.subject), float(request.detail.get("scale", 2.0)))

    @property
    def task(self) -> str:
        """The name of its task."""
        return f"upscales/{self.scale:g}"


def why_not(connection: Connection, media: MediaKey, scale: float) -> Reason | None:
    """Why a media can't be made larger, as far as the store knows; None when it can."""
    from supervisor_core.media.picture import STILL_PIXELS_MAX  # needs NumPy

    try:
        gate.require_verified(connection, media)
    except Failed as failed:
        return failed.reason
    info = media_table.load(connection, [media])[media].info
    if info.kind is not Kind.STILL:
        return Reason.NOT_A_STILL
    return Reason.PICTURE_TOO_LARGE if _pixels(info, scale) > STILL_PIXELS_MAX else None


def child_of(
    connection: Connection, home: Home, settings: Settings, media: MediaKey, scale: float
) -> Variant | None:
    """The larger picture that is there already, made in today's way of the file that is read."""
    try:
        output = gate.require_verified(connection, media).sha256
    except Failed:
        return None
    wanted = (output, Method.of(settings), scale)
    for one in variants.of(connection, [media]):
        made_so = (one.output, one.method, one.scale) == wanted
        if made_so and one.path and home.absolute(one.path).is_file():
            return one
    return None


def upscale_wished(context: Context, intake: IntakeKey) -> UpscaleReport:
    """Makes what is asked for of this intake's pictures, and closes the requests that are over."""
    wishes = _wishes(context, intake)
    there = {wish.id for wish in wishes if _is_there(context, wish)}
    groups: dict[str, dict[MediaKey, Wish]] = {}
    for wish in wishes:
        if wish.id not in there:
            groups.setdefault(wish.task, {})[wish.media] = wish
    report = UpscaleReport(intake, wanted=len(wishes), there=len(there))
    for group in groups.values():
        files = [one for media in group for one in _files(context, media)]
        doing = _Enlarging(context, group)
        tally = work_through(context, intake, files, doing)
        report = _added(report, tally.report(UpscaleReport, intake, made=doing.made))
    _answer(context, wishes)
    return report


def wishing_intakes(context: Context) -> list[OpenIntake]:
    """The intakes with pictures that somebody wants larger, as far as it is their time."""
    now = context.now()
    with context.store.read() as connection:
        wishes = [Wish.of(one) for one in requests.open_upscales(connection)]
        intakes = lookup.first_intakes(connection, {wish.media for wish in wishes})
        tasks = {
            wish.id: work.load(connection, wish.task, [wish.media]).get(wish.media)
            for wish in wishes
        }
    found = []
    for wish in wishes:
        task = tasks[wish.id]
        if wish.media not in intakes or (task and not _due(task, now)):
            continue
        waiting = task is not None and task.state is Work.WAITING
        found.append((intakes[wish.media], Cause.CAUSE_PASSED if waiting else Cause.NEW))
    return by_intake(found)


def _due(task: Task, now: datetime) -> bool:
    return not is_held(task.lease_owner, task.lease_until, now) and task.is_due(now)


def _wishes(context: Context, intake: IntakeKey) -> list[Wish]:
    with context.store.read() as connection:
        members = {one.media for one in media_table.of_intake(connection, intake)}
        found = requests.open_upscales(connection)
    return [Wish.of(one) for one in found if one.subject in members]


def _files(context: Context, media: MediaKey) -> list[File]:
    """The media's file, if it may be read."""
    with context.store.read() as connection:
        try:
            readable = gate.require_verified(connection, media)
        except Failed:
            return []
        info = media_table.load(connection, [media])[media].info
    return [File(readable, info)]


def _is_there(context: Context, wish: Wish) -> bool:
    with context.store.read() as connection:
        found = child_of(connection, context.home, context.settings, wish.media, wish.scale)
    return found is not None


def _answer(context: Context, wishes: Sequence[Wish]) -> None:
    """Writes how far each request has come: open until there is a picture, or a lasting reason."""
    there = {wish.id for wish in wishes if _is_there(context, wish)}
    with context.store.write() as connection:
        for wish in wishes:
            state, reason = _standing(connection, wish, done=wish.id in there)
            requests.move(connection, wish.id, state, context.now(), reason)


def _standing(connection: Connection, wish: Wish, *, done: bool) -> tuple[State, Reason | None]:
    if done:
        return State.DONE, None
    task = work.load(connection, wish.task, [wish.media]).get(wish.media)
    if task and task.state in (Work.ERROR, Work.DEAD, Work.CANCELLED):
        return State.FAILED, task.reason
    reason = why_not(connection, wish.media, wish.scale)
    if reason is not None:
        return State.FAILED, reason
    return State.QUEUED, task.reason if task else None


def _added(one: UpscaleReport, other: UpscaleReport) -> UpscaleReport:
    return replace(
        one,
        made=one.made + other.made,
        busy=one.busy + other.busy,
        blocked=dict(Counter(one.blocked) + Counter(other.blocked)),
        waiting=dict(Counter(one.waiting) + Counter(other.waiting)),
        failed=dict(Counter(one.failed) + Counter(other.failed)),
    )


def _pixels(info: MediaInfo, scale: float) -> float:
    return info.width * info.height * scale * scale


class _Enlarging(Doing[Larger]):
    step = Step.UPSCALE

    def __init__(self, context: Context, wishes: Mapping[MediaKey, Wish]) -> None:
        self.made = 0
        first = next(iter(wishes.values()))
        self.task, self._scale = first.task, first.scale
        tries = context.settings.upscale_tries
        # Nothing is at fault with a picture while Forge is away.
        away = frozenset({Reason.FORGE_DOWN})
        self.terms = Terms(tries, _LONGEST_WAIT_S, again=AGAIN, spared=away)
        self._context = context
        self._wishes = wishes
        self._method = Method.of(context.settings)

    def key(self, file: File) -> str:
        """Each request is tried anew, also where another one has failed."""
        words = (file.sha256, self._method, f"{self._scale:g}", VERSION)
        return " ".join((*words, self._wishes[file.media].id))

    def limit_s(self, file: File) -> float:
        settings = self._context.settings
        megapixels = _pixels(file.info, self._scale) / _MEGAPIXEL
        own_s = settings.upscale_base_s + settings.upscale_rate * megapixels
        return own_s + (settings.forge_total_s if self._method is Method.FORGE else 0.0)

    def do(self, file: File, folder: Path, on_progress: Progress | None) -> Larger:
        context, settings = self._context, self._context.settings
        order = Order(
            places.readable_file(context.home, file.readable),
            folder / _PART,
            self._scale,
            self._method,
            ForgeTerms.of(settings),
            settings.realesrgan_model,
            settings.realesrgan_gpu,
        )
        folder.mkdir()
        return context.worker.call(
            child.enlarge,
            order,
            limit_s=self.limit_s(file),
            scratch=[folder],
            on_progress=on_progress,
        )

    def write(self, connection: Connection, file: File, attempt: Attempt, value: Larger) -> None:
        home = self._context.home
        path = home.derivatives / places.named(value.sha256, value.container.value)
        part = places.attempt_folder(home, attempt.id) / _PART
        places.make_public(path.parent)
        part.chmod(places.PUBLIC_FILE)
        publish(part, path)
        new = Variant(
            parent=file.media,
            output=file.sha256,
            child=value.sha256,
            path=home.relative(path),
            method=self._method.value,
            scale=self._scale,
            width=value.width,
            height=value.height,
            size_bytes=value.size_bytes,
            attempt=attempt.id,
            created=self._context.now(),
        )
        variants.put(connection, new)
        self.made += 1

    def befalls_all(self, reason: Reason) -> bool:
        return reason is Reason.FORGE_DOWN or reason.class_ is Class.CONFIG
