"""What of an intake is to be analysed, and what is known of it before anybody looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from supervisor_core.analysis.kinds import hint_of
from supervisor_core.analysis.profiles import AnalysisProfile, load_analysis
from supervisor_core.analysis.wanted import analysis_tasks, task_of
from supervisor_core.keys import Fingerprint, IntakeKey, MediaKey
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.rules import Profiles
from supervisor_core.reasons import Reason
from supervisor_core.repair import Cause, OpenIntake, by_intake
from supervisor_core.states import Work
from supervisor_core.store import analyses, gate, names
from supervisor_core.store import media as media_table
from supervisor_core.store.analyses import Open
from supervisor_core.store.arrivals import arrivals_of, find_intake
from supervisor_core.store.gate import Readable
from supervisor_core.store.work import is_held


@dataclass(frozen=True)
class Subject:
    """What is to be analysed: a file that may be read, and what is known of its kind.

    `tag` is the operator's word, `hint` a word of the profile's list that the file's name holds.
    """

    readable: Readable
    seconds: float
    profile: AnalysisProfile
    tag: str | None = None
    hint: str | None = None

    @property
    def media(self) -> MediaKey:
        """Its media."""
        return self.readable.media

    @property
    def task(self) -> str:
        """The task's name."""
        return task_of(self.profile.name)


def subjects_of(context: Context, intake: IntakeKey) -> list[Subject]:
    """The files of an intake that may be read, when its profile asks for an analysis.

    Raises `Failed`: UNKNOWN_PROFILE or BAD_CONFIGURATION.
    """
    with context.store.read() as connection:
        header = find_intake(connection, intake)
        readable = gate.readable_of(connection, intake)
        known = media_table.load(connection, [one.media for one in readable])
        prints = {one.fingerprint: one.media for one in arrivals_of(connection, intake)}
    if header is None or not readable:
        return []
    source = Profiles(context.profiles_folder()).named(header.profile)
    if source.analysis is None:
        return []
    profile = load_analysis(source.analysis, context.analyses_folder())
    hints = _hints(context, prints, profile)
    return [
        Subject(
            one,
            known[one.media].info.seconds or 0.0,
            profile,
            source.kind,
            hints.get(one.media),
        )
        for one in readable
    ]


def wanted_of(context: Context, intake: IntakeKey) -> tuple[str, list[MediaKey]]:
    """The task that the intake's profile asks for, and the media that may be read for it.

    Raises `Failed(UNKNOWN_PROFILE)`.
    """
    with context.store.read() as connection:
        header = find_intake(connection, intake)
        media = [one.media for one in gate.readable_of(connection, intake)]
    source = Profiles(context.profiles_folder()).named(header.profile) if header else None
    if source is None or source.analysis is None:
        return "", []
    return task_of(source.analysis), media


def _hints(
    context: Context, prints: Mapping[Fingerprint, MediaKey | None], profile: AnalysisProfile
) -> dict[MediaKey, str]:
    """The word of the profile's list that each file's name holds; names go no further than this."""
    with context.store.restricted() as connection:
        paths = names.recall(connection, prints)
    found = {
        prints[Fingerprint(one)]: hint_of(Path(path).stem, profile) for one, path in paths.items()
    }
    return {media: hint for media, hint in found.items() if media and hint}


def waiting_intakes(context: Context) -> list[OpenIntake]:
    """The intakes with analyses to make now, whatever the model server is like."""
    tasks, now = analysis_tasks(context.profiles_folder()), context.now()
    with context.store.read() as connection:
        found = analyses.open_tasks(connection, tasks, now)
    waiting = [one for one in found if not is_held(one.owner, one.until, now)]
    return by_intake((one.intake, _cause(one)) for one in waiting)


_LIFTED = (Reason.BLOCKED_BY_OLLAMA, Reason.PAUSED)
"""Who goes on for whom nothing was the matter: at once."""


def _cause(one: Open) -> Cause:
    """What is bounded by its own tries may go on at once; all else after a wait that grows.

    What was blocked is UNFINISHED; what no run has come to, or not since the file is another, NEW.
    """
    if one.state is Work.BLOCKED and one.reason not in _LIFTED:
        return Cause.UNFINISHED
    opened = (Work.WAITING, Work.QUEUED, Work.RUNNING, Work.BLOCKED)
    return Cause.CAUSE_PASSED if one.state in opened else Cause.NEW
