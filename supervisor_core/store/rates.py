"""Rates over a window: how often work ran out of time, fell a level, failed, and how long it took.

Each figure is one query over what is written down of every attempt anyway. Shares are of what has
ended in the window, never a number for each second; with too few of them nothing is judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from supervisor_core.reasons import Class, Reason
from supervisor_core.settings import Settings
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, keys

_HOUR_S = 3600.0
_PIXELS = 1280 * 720

# Of attempts that ended by themselves: neither stopped by somebody nor taken over.
_CLEANING = """
    FROM attempt WHERE ended >= ? AND step IN ('mask', 'verify') AND outcome IN ('done', 'failed')
        AND coalesce(reason, '') NOT IN ('CANCELLED', 'LEASE_LOST')
"""
_TIMEOUTS = f"""
    SELECT count(*) FILTER (reason IN ('TIMEOUT', 'VERIFICATION_TIMEOUT')), count(*) {_CLEANING}
"""
# The ladder's last word on every media that was on it in the window.
_LADDER = f"""
    FROM media JOIN (SELECT DISTINCT media {_CLEANING}) AS tried USING (media)
    WHERE cleaning = '{Cleaning.RAW_ASIDE}' OR verification = '{Verification.VERIFIED}'
        AND cleaning IN ('{Cleaning.FRAME_LEVEL}', '{Cleaning.ROI_MASK}')
"""
_FALLBACKS = f"SELECT count(*) FILTER (cleaning <> '{Cleaning.FRAME_LEVEL}'), count(*) {_LADDER}"
_ANONYMIZED = f"SELECT count(*) FILTER (cleaning <> '{Cleaning.RAW_ASIDE}'), count(*) {_LADDER}"
_DURATION = f"""
    SELECT quantile_cont((output.seconds + coalesce(output.verify_seconds, 0))
        / greatest(1.0, coalesce(media.seconds, 0) / 30.0)
        / greatest(1.0, media.width * media.height / {_PIXELS}.0), 0.95), count(*)
    FROM output JOIN media USING (media)
    WHERE output.verified_at >= ? AND output.verify_reason IS NULL
"""  # noqa: S608
_IMPORTS = f"""
    WITH last AS (
        SELECT intake, ordinal, arg_max(outcome, ended) AS outcome,
            arg_max(coalesce(reason, ''), ended) AS reason
        FROM attempt WHERE ended >= ? AND step = 'import' AND outcome IN ('done', 'failed')
        GROUP BY intake, ordinal
    )
    SELECT count(*) FILTER (outcome = 'failed' AND reason NOT IN (SELECT reason FROM {ROWS})),
        count(*) FROM last
"""  # noqa: S608
_QUESTIONS = "SELECT count(*) FILTER (reason = 'TIMEOUT'), count(*) FROM question WHERE asked >= ?"
_IN_THE_FILE = tuple(reason for reason in Reason if reason.class_ is Class.PERMANENT)


class Unit(StrEnum):
    """What a figure is: a share of what ended, a number, or seconds."""

    SHARE = "share"
    COUNT = "count"
    SECONDS = "seconds"


class Verdict(StrEnum):
    """How a figure stands against its limits; nothing is said of too few."""

    GOOD = "good"
    WARN = "warn"
    ERROR = "error"
    TOO_FEW = "too_few"


@dataclass(frozen=True)
class Figure:
    """One figure, whose limits are the settings `<name>_warn` and `<name>_error`.

    `more_is_better`: the limits are below. `window_s`: its own window, else that of the settings.
    """

    name: str
    asset: str
    says: str
    sql: str
    unit: Unit = Unit.SHARE
    more_is_better: bool = False
    window_s: float | None = None
    excused: tuple[Reason, ...] = ()


FIGURES = (
    Figure(
        "import_failure_rate",
        "videos",
        "Files come in, unless the cause lies in the file itself.",
        _IMPORTS,
        excused=_IN_THE_FILE,
    ),
    Figure(
        "timeout_rate",
        "cleaned_frames",
        "Attempts to clean or verify end before their limit.",
        _TIMEOUTS,
    ),
    Figure(
        "timeouts_per_hour",
        "cleaned_frames",
        "In the last hour hardly any attempt to clean or verify was ended at its limit.",
        _TIMEOUTS,
        unit=Unit.COUNT,
        window_s=_HOUR_S,
    ),
    Figure(
        "cleaning_duration",
        "cleaned_frames",
        "Cleaning and verifying 30 s of 1280x720 is quick in 95 of 100 cases.",
        _DURATION,
        unit=Unit.SECONDS,
    ),
    Figure(
        "fallback_rate",
        "cleaned_frames",
        "Media are cleaned on the first level.",
        _FALLBACKS,
    ),
    Figure(
        "anonymized_share",
        "cleaned_frames",
        "Media are cleaned and verified on some level; none has to be kept aside.",
        _ANONYMIZED,
        more_is_better=True,
    ),
    Figure(
        "model_timeout_rate",
        "analyses",
        "Questions to a model are answered in time.",
        _QUESTIONS,
    ),
)


@dataclass(frozen=True)
class Measured:
    """What a figure came to: `value` is a share 0-1, a number or seconds, of `whole` cases."""

    figure: Figure
    value: float | None
    part: int | None
    whole: int
    window_s: float
    warn: float
    error: float
    minimum: int

    @property
    def verdict(self) -> Verdict:
        """Its standing; at the limit of a warning it warns, beyond that of an error it is one."""
        if self.value is None or self.whole < self.minimum:
            return Verdict.TOO_FEW
        sign = -1 if self.figure.more_is_better else 1
        if sign * self.value > sign * self.error:
            return Verdict.ERROR
        return Verdict.WARN if sign * self.value >= sign * self.warn else Verdict.GOOD


def measure(
    connection: Connection, figures: Sequence[Figure], now: datetime, settings: Settings
) -> list[Measured]:
    """Counts these figures over their windows up to now."""
    return [_measure(connection, figure, now, settings) for figure in figures]


def _measure(connection: Connection, figure: Figure, now: datetime, settings: Settings) -> Measured:
    window_s = figure.window_s or settings.rate_window_s
    excused = keys("reason", figure.excused) if figure.excused else []
    since = now - timedelta(seconds=window_s)
    row = connection.execute(figure.sql, [since, *excused]).fetchone()
    first, whole = (row[0], int(row[1])) if row else (None, 0)
    part = None if figure.unit is Unit.SECONDS or first is None else int(first)
    return Measured(
        figure=figure,
        value=_value(figure, first, whole),
        part=part,
        whole=whole,
        window_s=window_s,
        warn=float(getattr(settings, f"{figure.name}_warn")),
        error=float(getattr(settings, f"{figure.name}_error")),
        minimum=0 if figure.unit is Unit.COUNT else settings.rate_minimum,
    )


def _value(figure: Figure, first: float | None, whole: int) -> float | None:
    if first is None or (figure.unit is Unit.SHARE and not whole):
        return None
    return first / whole if figure.unit is Unit.SHARE else float(first)
