"""The steps of an intake's way, each a call that may be made again at any time."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.again import send_back
from supervisor_core.pipeline.aside import set_aside
from supervisor_core.pipeline.context import Caller, Context, Progress
from supervisor_core.pipeline.importing import import_items
from supervisor_core.pipeline.letting_go import let_go
from supervisor_core.pipeline.masking import mask
from supervisor_core.pipeline.places import failed_from
from supervisor_core.pipeline.reports import ImportReport, StepReport
from supervisor_core.pipeline.sweeping import sweep
from supervisor_core.pipeline.thumbnails import preview, thumbnails
from supervisor_core.pipeline.tools import Tools
from supervisor_core.pipeline.verifying import verify
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.states import Cleaning
from supervisor_core.store import Store
from supervisor_core.store.progress import IntakeSummary, summarise

if TYPE_CHECKING:
    from supervisor_core.analysis.standing import Evidence
    from supervisor_core.canary.outcome import Flight
    from supervisor_core.model.health import Health
    from supervisor_core.pipeline.analysing import AnalysisReport
    from supervisor_core.pipeline.copied import Standing
    from supervisor_core.pipeline.copying import CopyReport
    from supervisor_core.pipeline.enriching import EnrichReport, Order
    from supervisor_core.repair import OpenIntake
    from supervisor_core.sessions.account import Account
    from supervisor_core.sessions.exporting import Exported
    from supervisor_core.store.enrichment_levels import Level
    from supervisor_core.store.open_enrichments import Waiting
    from supervisor_core.store.recordings import Session
    from supervisor_core.store.segments import RecordedFile
    from supervisor_core.store.service import ServiceLevel

P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate["Pipeline", P], T]


def _step(method: Method[P, T]) -> Method[P, T]:
    """Turns an error of the disk that no single item is to blame for into its reason.

    However a step ends that does not return, it gives back what it holds.
    """

    @wraps(method)
    def told(self: "Pipeline", /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except OSError as error:
            # Its text holds paths, so it is not passed on.
            raise failed_from(error) from None
        except BaseException as error:
            if not isinstance(error, Exception) or _is_cancelled(error):
                let_go(self._context)
            raise

    return told


def _is_cancelled(error: BaseException) -> bool:
    return isinstance(error, Failed) and error.reason is Reason.CANCELLED


class Pipeline:
    """Works on intakes in the name of one owner (`store.owners.this_process`).

    Every step leaves alone what the store already holds, takes hold of what it works on, and gives
    each item its own limit: one bad item never stops the others. A step raises `Failed` only when
    nothing can go on: STORE_BUSY, STORE_DAMAGED, RESTRICTED_KEY_MISSING, BAD_CONFIGURATION,
    DEPENDENCY_MISSING, UNKNOWN_PROFILE, DISK_FULL, IO_ERROR. What happened to the items is in its
    report.
    """

    def __init__(
        self,
        store: Store,
        home: Home,
        settings: Settings,
        worker: Caller,
        owner: str,
        on_progress: Progress | None = None,
        tools: Tools | None = None,
    ) -> None:
        self._context = Context(store, home, settings, worker, owner, on_progress, tools or Tools())

    def reporting(self, on_progress: Progress | None) -> "Pipeline":
        """The same pipeline telling its progress (done, total) to somebody else."""
        context = replace(self._context, on_progress=on_progress)
        return Pipeline(
            context.store,
            context.home,
            context.settings,
            context.worker,
            context.owner,
            on_progress,
            context.tools,
        )

    @_step
    def import_items(self, intake: IntakeKey) -> ImportReport:
        """Takes the files of an intake from the inbox into raw/, or into refused/ with a reason.

        Also raises `Failed`: UNKNOWN_INTAKE, and LEASE_LOST while another process imports it.
        """
        return import_items(self._context, intake)

    @_step
    def mask(self, intake: IntakeKey, level: Cleaning | str) -> StepReport:
        """Cleans at this level every item that waits for it: those that fail go a level down."""
        return mask(self._context, intake, Cleaning(level))

    @_step
    def verify(self, intake: IntakeKey, level: Cleaning | str) -> StepReport:
        """Reads again what this level has made: what is proven clean is published.

        What is not goes a level down; what could not be read in time waits to be set aside.
        """
        return verify(self._context, intake, Cleaning(level))

    @_step
    def set_aside(self, intake: IntakeKey) -> StepReport:
        """Keeps the raw files of what no level could clean in aside/, with their reasons."""
        return set_aside(self._context, intake)

    @_step
    def thumbnails(self, intake: IntakeKey) -> StepReport:
        """Draws a small picture of everything that passes the gate and has none."""
        return thumbnails(self._context, intake)

    @_step
    def analyse(self, intake: IntakeKey) -> "AnalysisReport":
        """Has a model look at what may be shown, where the profile asks for it.

        While the model can't be asked the items are blocked, and nothing of their tries is used.
        """
        # What talks to models takes half a second to import; cleaning needs none of it.
        from supervisor_core.pipeline.analysing import analyse

        return analyse(self._context, intake)

    @_step
    def unanalysed(self) -> "list[OpenIntake]":
        """The intakes with analyses to make now, whatever the model server is like."""
        from supervisor_core.pipeline.subjects import waiting_intakes

        return waiting_intakes(self._context)

    @_step
    def block_analyses(self, intakes: Iterable[IntakeKey], reason: Reason) -> int:
        """Writes on what waits there why the model can't be asked, and returns how many."""
        from supervisor_core.pipeline.analysing import block

        return block(self._context, intakes, reason)

    @_step
    def enrich(self, intake: IntakeKey, mode: str, order: "Order | None" = None) -> "EnrichReport":
        """Enriches in one mode what may be shown and wants it; see `pipeline.enriching`.

        Also raises `Failed(UNKNOWN_MODE)`. While the model can't be asked the items are blocked,
        and nothing of their tries is used.
        """
        from supervisor_core.pipeline.enriching import Order, enrich

        return enrich(self._context, intake, mode, order or Order())

    @_step
    def unenriched(self) -> "list[Waiting]":
        """The intakes with enrichments to make now, and in which modes."""
        from supervisor_core.pipeline.enrich_waiting import waiting

        return waiting(self._context)

    @_step
    def why_not(self, modes: Iterable[str]) -> dict[str, Reason]:
        """Why the model of each of these modes can't be asked now; those that can are left out."""
        from supervisor_core.pipeline.enrich_waiting import why_not

        return why_not(self._context, modes)

    @_step
    def block_enrichments(self, intakes: Iterable[IntakeKey], mode: str, reason: Reason) -> int:
        """Writes on what waits there why the model can't be asked, and returns how many."""
        from supervisor_core.pipeline.enriching import block

        return block(self._context, intakes, mode, reason)

    @_step
    def queue_enrichments(
        self, intake: IntakeKey, modes: Sequence[str], media: Sequence[str], *, force: bool
    ) -> int:
        """Has media of an intake enriched, all when none is named; returns how many are open."""
        from supervisor_core.store.enrichment_wishes import queue

        now = self._context.now()
        with self._context.store.write() as connection:
            return queue(connection, intake, modes, media, now, force=force)

    def enrichment_levels(self) -> "dict[str, Level]":
        """The figures of every mode, over the window of the settings."""
        from supervisor_core.pipeline.enrich_waiting import levels_now

        return levels_now(self._context)

    @_step
    def model_health(self) -> "Health":
        """How the model server is now, told within `model_health_s` and a second."""
        from supervisor_core.pipeline.asking import model_health

        return model_health(self._context)

    @_step
    def model_rests(self) -> Reason | None:
        """Why no analysis is asked for though the model may be well: paused, or the breaker."""
        from supervisor_core.pipeline.asking import model_rests, paused

        return paused(self._context, "analysis") or model_rests(self._context)

    @_step
    def copy_out(self, intake: IntakeKey) -> "CopyReport":
        """Copies what was cleaned and verified to the bucket of the settings, if there is one.

        What lies there already is left as it is. Also raises `Failed(BAD_CONFIGURATION)` where
        copies would be taken in again.
        """
        # What talks to a storage takes half a second to import; cleaning needs none of it.
        from supervisor_core.pipeline.copying import copy_out

        return copy_out(self._context, intake)

    @_step
    def copies(self, intake: IntakeKey) -> "Standing":
        """How the intake's copies lie in the bucket, asked of the storage within a limit."""
        from supervisor_core.pipeline.copied import standing

        return standing(self._context, intake)

    @_step
    def uncopied(self) -> "list[OpenIntake]":
        """The intakes with files to copy now; none where no bucket is set."""
        from supervisor_core.pipeline.uncopied import uncopied_intakes

        return uncopied_intakes(self._context)

    @_step
    def fly_canary(self) -> "Flight":
        """Sends a drawn examination through everything, and writes down how it went."""
        from supervisor_core.canary.flight import fly
        from supervisor_core.store.service import landed

        context = self._context
        started = context.now()
        flight = fly(context.settings, context.home, context.worker, context.owner)
        with context.store.write() as connection:
            landed(connection, flight, started)
        return flight

    @_step
    def record(self, intake: IntakeKey) -> "Session":
        """Records a session until it is over, or goes on with one; see `sessions.recording`."""
        # What opens streams takes a while to import; cleaning needs none of it.
        from supervisor_core.sessions.recording import record

        return record(self._context, intake)

    @_step
    def conclude_recording(self, intake: IntakeKey) -> None:
        """Says that an interrupted session is over, by a person's word."""
        from supervisor_core.sessions.recording import conclude

        conclude(self._context, intake, Reason.CANCELLED)

    @_step
    def join_recording(self, intake: IntakeKey) -> "list[RecordedFile]":
        """Joins the segments of a session that is over, without coding anything anew."""
        from supervisor_core.sessions.joining import join_session

        return join_session(self._context, intake)

    @_step
    def validate_recording(self, intake: IntakeKey) -> "list[RecordedFile]":
        """Decodes what was joined; where a frame is missing the segments stand for it."""
        from supervisor_core.sessions.joining import validate_session

        return validate_session(self._context, intake)

    @_step
    def hand_over_recording(self, intake: IntakeKey) -> "Account":
        """Enters the files of a session as what came in, and says what it consists of."""
        from supervisor_core.sessions.handing_over import hand_over

        return hand_over(self._context, intake)

    @_step
    def unexported_recordings(self) -> "list[OpenIntake]":
        """The sessions with something for the library."""
        from supervisor_core.sessions.exporting import unexported

        return unexported(self._context)

    @_step
    def export_recording(self, intake: IntakeKey) -> "Exported":
        """Puts the readable files of a session into the library; see `sessions.exporting`."""
        from supervisor_core.sessions.exporting import export

        return export(self._context, intake)

    @_step
    def tidy_library(self) -> int:
        """Applies the retention of every stream, and returns how many episodes went."""
        from supervisor_core.sessions.exporting import tidy

        return tidy(self._context)

    def recording_account(self, intake: IntakeKey) -> "Account":
        """What a session consists of; raises `Failed(UNKNOWN_INTAKE)`."""
        from supervisor_core.sessions.account import account_of

        with self._context.store.read() as connection:
            return account_of(connection, intake)

    def evidence(self, intake: IntakeKey) -> "Evidence":
        """What the intake's analyses rest on, read anew from what is kept."""
        from supervisor_core.analysis.standing import evidence_of
        from supervisor_core.store.analyses import of_intake

        with self._context.store.read() as connection:
            found = of_intake(connection, intake)
        return evidence_of((one.result, one.frames) for one in found)

    @property
    def settings(self) -> Settings:
        """What it works by."""
        return self._context.settings

    def service_level(self) -> "ServiceLevel":
        """The figures of the analyses over the window of the settings."""
        from supervisor_core.store.service import service_level

        context = self._context
        since = context.now() - timedelta(seconds=context.settings.service_window_s)
        with context.store.read() as connection:
            return service_level(connection, since)

    @_step
    def preview(self, summary: IntakeSummary) -> bytes | None:
        """A JPEG of at most 8 kB of the intake's first item that may be shown, if there is one."""
        return preview(self._context, summary)

    @_step
    def send_back(
        self, intake: IntakeKey, *, everything: bool = False, media: Collection[str] = ()
    ) -> int:
        """Has items wait for the first level again: those aside, or all; or of these media."""
        return send_back(self._context, intake, everything=everything, named=media)

    @_step
    def sweep(self) -> int:
        """Removes what dead runs have left in work/ and returns how many folders those were."""
        return sweep(self._context)

    @_step
    def do(
        self,
        function: Callable[Concatenate[Context, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What a function of the core makes of this pipeline's context, on the terms of a step."""
        return function(self._context, *args, **kwargs)

    def summary(self, intake: IntakeKey) -> IntakeSummary:
        """How the intake stands; raises `Failed(UNKNOWN_INTAKE)`."""
        return self.summaries([intake])[0]

    def summaries(self, intakes: Sequence[IntakeKey]) -> list[IntakeSummary]:
        """How several intakes stand, read at one moment; raises `Failed(UNKNOWN_INTAKE)`."""
        with self._context.store.read() as connection:
            found = [summarise(connection, intake) for intake in intakes]
        known = [summary for summary in found if summary is not None]
        if len(known) < len(found):
            raise Failed(Reason.UNKNOWN_INTAKE)
        return known
