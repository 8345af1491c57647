"""Every stage of the work, from arriving to being let out: what waits, runs and failed there.

Reads the published copy by a few queries, none of which looks at single items.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from gallery.queue.ends import Ends, ends
from gallery.queue.ends import Stage as Name
from gallery.queue.unbegun import Unbegun
from supervisor_core.enrichment.modes import MODES
from supervisor_core.keys import Retried
from supervisor_core.store import pauses
from supervisor_core.store.database import Connection
from supervisor_core.store.pauses import Pause

_ARRIVALS = """
    SELECT count(*) FILTER (state = 'seen'), min(updated) FILTER (state = 'seen') FROM arrival
"""
_MEDIA = """
    SELECT count(*) FILTER (cleaning = 'waiting'), min(updated) FILTER (cleaning = 'waiting'),
        count(*) FILTER (cleaning = 'running'), count(*) FILTER (unproven),
        min(updated) FILTER (unproven)
    FROM (SELECT cleaning, updated, cleaning IN ('frame_level', 'roi_mask')
        AND verification = 'none' AS unproven FROM media)
"""
_OTHERS = """
    SELECT media, verified_at FROM output ANTI JOIN (
        SELECT media, started FROM attempt WHERE step = 'thumbnail' AND outcome = 'done'
    ) AS drawn ON drawn.media = output.media AND drawn.started >= verified_at
    WHERE output.current AND verified_at IS NOT NULL
"""
_PICTURES = f"""
    WITH others AS MATERIALIZED ({_OTHERS}), undrawn AS MATERIALIZED (
        SELECT media, verified_at FROM others JOIN media USING (media)
        WHERE verification = 'verified' AND cleaning IN ('frame_level', 'roi_mask')
    ), failed AS (
        SELECT media, max(started) AS started, arg_max(reason, started) AS reason
        FROM attempt SEMI JOIN undrawn USING (media)
        WHERE step = 'thumbnail' AND outcome = 'failed' GROUP BY media
    )
    SELECT CASE WHEN started >= verified_at THEN 'failed' ELSE 'waiting' END AS state,
        CASE WHEN state = 'failed' THEN reason END, count(*), min(verified_at)
    FROM undrawn LEFT JOIN failed USING (media) GROUP BY ALL
"""  # noqa: S608
_FAILED = """
    SELECT 'import', reason, count(*) FROM arrival WHERE state = 'refused' GROUP BY ALL
    UNION ALL SELECT 'mask', reason, count(*) FROM media WHERE cleaning = 'raw_aside' GROUP BY ALL
    UNION ALL SELECT 'verify', reason, count(*) FROM media
        WHERE cleaning IN ('frame_level', 'roi_mask') AND verification IN ('residual', 'timeout')
        GROUP BY ALL
"""
_RUNNING = """
    SELECT step, CASE WHEN step IN ('analyse', 'enrich') THEN coalesce(level, '') ELSE '' END,
        count(*)
    FROM attempt WHERE ended IS NULL GROUP BY ALL
"""
# Of a task that never had a result, the waiting began when it was entered.
_WORK = """
    SELECT task, state, reason, count(*), min(CASE WHEN key IS NULL THEN created ELSE updated END)
    FROM work WHERE state NOT IN ('done', 'degraded', 'abstained', 'cancelled') GROUP BY ALL
"""
_EXPORTS = """
    SELECT count(*), min(media.updated) FROM media JOIN output USING (media)
    WHERE review = 'released' AND output.current AND NOT EXISTS (
        SELECT 1 FROM export WHERE export.media = media.media AND export.output = output.sha256
            AND export.gone IS NULL AND export.created IS NOT NULL)
"""
_FAMILIES = {
    "analysis": ("analyse", Retried.ANALYSES),
    "enrichment": ("enrich", Retried.ENRICHMENTS),
    "integrity": ("integrity", None),
    "fingerprints": ("fingerprint", Retried.FINGERPRINTS),
    "copy": ("copy", Retried.BUCKET_COPIES),
    "upscales": ("upscale", None),
}
_TITLES = {
    "import": "Import",
    "mask": "Clean",
    "verify": "Verify",
    "thumbnail": "Thumbnail",
    "analyse": "Analysis",
    "enrich": "Enrichment",
    "fingerprint": "Fingerprint",
    "integrity": "Integrity",
    "upscale": "Larger picture",
    "copy": "Copy to the bucket",
    "release": "Export of what is released",
}
_ALWAYS: tuple[Name, ...] = (
    ("import", ""),
    ("mask", ""),
    ("verify", ""),
    ("thumbnail", ""),
    *(("enrich", name) for name in MODES),
    ("fingerprint", ""),
    ("integrity", ""),
    ("release", ""),
)


@dataclass(frozen=True)
class Failure:
    """So many items of a stage that failed for one reason; `asset` can be tried again."""

    reason: str | None
    count: int
    asset: Retried | None = None


@dataclass(frozen=True)
class Stage:
    """One stage: `waiting` may begin at once or after a while, `blocked` may not begin now."""

    step: str
    level: str = ""
    waiting: int = 0
    blocked: int = 0
    running: int = 0
    oldest: datetime | None = None
    failures: tuple[Failure, ...] = ()
    blocks: Mapping[str, int] = field(default_factory=dict)
    ends: Ends | None = None
    pause: Pause | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        title = _TITLES.get(self.step, self.step)
        return f"{title}: {self.level}" if self.level else title

    @property
    def task(self) -> str:
        """What is paused or cancelled of it; empty where nothing can be."""
        families = {"analyse": "analysis", "enrich": f"enrichment/{self.level}"}
        return families.get(self.step, "")

    @property
    def failed(self) -> int:
        """How many failed, for whatever reason."""
        return sum(one.count for one in self.failures)

    @property
    def left_s(self) -> tuple[float, float] | None:
        """How long what waits and runs will take, as a range; None: unknown."""
        if self.pause is not None or self.ends is None or not self.waiting + self.running:
            return None
        return self.ends.left(self.waiting + self.running)


def stages(connection: Connection, now: datetime, fresh: Mapping[str, Unbegun]) -> list[Stage]:
    """All stages in the order of the work; `fresh` as `figures` has it."""
    found = {name: Stage(*name) for name in _ALWAYS}
    for stage in (*_before_the_gate(connection), *_tasks(connection), _exports(connection)):
        found[stage.step, stage.level] = stage
    for task, waits in fresh.items():
        name = _name_of(task)
        stage = found.get(name, Stage(*name))
        oldest = min(stage.oldest or waits.since, waits.since)
        found[name] = replace(stage, waiting=stage.waiting + waits.count, oldest=oldest)
    running = {(step, level): n for step, level, n in connection.execute(_RUNNING).fetchall()}
    paced, known = ends(connection, now), pauses.load(connection)
    for name in (*paced, *running):
        if name[0] in _TITLES:
            found.setdefault(name, Stage(*name))
    done = [
        replace(
            stage,
            running=stage.running or running.get(name, 0),
            ends=paced.get(name),
            pause=pauses.covering(known, stage.task),
        )
        for name, stage in found.items()
    ]
    order = list(_TITLES)
    modes = list(MODES)
    return sorted(
        done,
        key=lambda one: (
            order.index(one.step),
            modes.index(one.level) if one.level in modes else -1,
            one.level,
        ),
    )


def _before_the_gate(connection: Connection) -> Iterable[Stage]:
    failures: dict[str, list[Failure]] = {}
    for step, reason, count in connection.execute(_FAILED).fetchall():
        asset = Retried.CLEANED_FRAMES if step == "mask" else None
        failures.setdefault(step, []).append(Failure(reason, count, asset))
    failed = {step: tuple(found) for step, found in failures.items()}
    ((seen, since),) = connection.execute(_ARRIVALS).fetchall()
    yield Stage("import", "", seen, oldest=since, failures=failed.get("import", ()))
    ((waiting, since, running, unproven, unproven_since),) = connection.execute(_MEDIA).fetchall()
    yield Stage("mask", "", waiting, running=running, oldest=since, failures=failed.get("mask", ()))
    yield Stage("verify", "", unproven, oldest=unproven_since, failures=failed.get("verify", ()))
    rows = connection.execute(_PICTURES).fetchall()
    undrawn = [row for row in rows if row[0] == "waiting"]
    yield Stage(
        "thumbnail",
        "",
        sum(row[2] for row in undrawn),
        oldest=min((row[3] for row in undrawn), default=None),
        failures=tuple(Failure(row[1], row[2]) for row in rows if row[0] == "failed"),
    )


def _tasks(connection: Connection) -> Iterable[Stage]:
    found: dict[Name, Stage] = {}
    for task, state, reason, count, since in connection.execute(_WORK).fetchall():
        family = task.partition("/")[0]
        if family in _FAMILIES:
            name, asset = _name_of(task), _FAMILIES[family][1]
            stage = found.get(name, Stage(*name))
            found[name] = _with(stage, state, reason, count, since, asset)
    return found.values()


def _name_of(task: str) -> Name:
    family, _, level = task.partition("/")
    step = _FAMILIES[family][0]
    return step, level if step in ("analyse", "enrich") else ""


def _with(
    stage: Stage,
    state: str,
    reason: str | None,
    count: int,
    since: datetime,
    asset: Retried | None,
) -> Stage:
    oldest = min(since, stage.oldest) if stage.oldest else since
    if state == "running":
        return replace(stage, running=stage.running + count)
    if state == "blocked":
        blocks = {**stage.blocks, str(reason): stage.blocks.get(str(reason), 0) + count}
        return replace(stage, blocked=stage.blocked + count, blocks=blocks, oldest=oldest)
    if state in ("error", "dead"):
        return replace(stage, failures=_added(stage.failures, Failure(reason, count, asset)))
    return replace(stage, waiting=stage.waiting + count, oldest=oldest)


def _added(known: tuple[Failure, ...], new: Failure) -> tuple[Failure, ...]:
    """Tasks in error and dead ones of the same reason are told together."""
    same = sum(one.count for one in known if one.reason == new.reason)
    others = tuple(one for one in known if one.reason != new.reason)
    return (*others, replace(new, count=new.count + same))


def _exports(connection: Connection) -> Stage:
    ((waiting, since),) = connection.execute(_EXPORTS).fetchall()
    return Stage("release", "", waiting, oldest=since)
