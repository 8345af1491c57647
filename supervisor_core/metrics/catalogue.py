"""Every metric there is: its name, its labels, and what it says.

Labels hold words of ours only: states, reasons, steps, keys of intakes, names of models that the
operator has set. Names of streams, files, profiles and buckets are nowhere.
"""

from dataclasses import dataclass
from enum import StrEnum

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Kind(StrEnum):
    """How a value moves: a counter only rises until `up` is started again."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One metric."""

    name: str
    says: str
    labels: tuple[str, ...] = ()
    kind: Kind = Kind.GAUGE


_COUNTER, _HISTOGRAM = Kind.COUNTER, Kind.HISTOGRAM
_SINCE = "since `up` was started"

ATTEMPTS = Metric(
    "supervisor_attempts_total",
    f"Tries that ended {_SINCE}, by stage, outcome and reason.",
    ("stage", "outcome", "reason"),
    _COUNTER,
)
TIMEOUTS = Metric(
    "supervisor_timeouts_total",
    f"Tries that were ended at their limit {_SINCE}.",
    ("stage",),
    _COUNTER,
)
FALLBACKS = Metric(
    "supervisor_fallbacks_total",
    f"Media that were masked by region, or kept aside raw, {_SINCE}.",
    ("level",),
    _COUNTER,
)
DURATION = Metric(
    "supervisor_attempt_duration_seconds",
    f"How long the work of a try took, of those that ended {_SINCE}.",
    ("stage",),
    _HISTOGRAM,
)
ITEMS = Metric("supervisor_items", "How many items are in a state.", ("axis", "state"))
TASKS = Metric("supervisor_tasks", "How many tasks on media are in a state.", ("kind", "state"))
OLDEST = Metric(
    "supervisor_queue_oldest_seconds",
    "For how long the oldest that waits has been waiting; 0 when nothing waits.",
    ("queue", "state"),
)
LAG = Metric(
    "supervisor_recording_lag_seconds",
    "For how long a session that is to be recorded has had no new media.",
    ("intake",),
)
PATIENCE = Metric(
    "supervisor_recording_patience_seconds",
    "For how long its media may stay away before the stream is opened anew.",
    ("intake",),
)
BEAT = Metric(
    "supervisor_recording_heartbeat_age_seconds",
    "How long ago the recorder of a session last said that it lives.",
    ("intake",),
)
MISSING = Metric(
    "supervisor_recording_missing_seconds",
    "Seconds that a session which is being recorded lacks so far.",
    ("intake",),
)
SESSIONS_LEFT_OUT = Metric(
    "supervisor_recording_sessions_left_out",
    "Open sessions beyond those that have series of their own.",
)
GAPS = Metric(
    "supervisor_recording_gaps_total",
    f"Gaps in recordings that ended {_SINCE}.",
    ("reason",),
    _COUNTER,
)
GAP_SECONDS = Metric(
    "supervisor_recording_gap_seconds_total",
    f"Seconds missing in recordings, in gaps that ended {_SINCE}.",
    ("reason",),
    _COUNTER,
)
BREAKER = Metric(
    "supervisor_model_breaker",
    "1 for the phase of a model's breaker; while it is open, the model is not asked.",
    ("model", "phase"),
)
CANARY_AGE = Metric("supervisor_canary_age_seconds", "How long ago the last canary set out.")
CANARY_HEALTH = Metric(
    "supervisor_canary_health", "1 for what the last canary said of the installation.", ("health",)
)
CANARY_SECONDS = Metric(
    "supervisor_canary_duration_seconds", "How long the last canary was on its way."
)
UNSENT = Metric(
    "supervisor_notifications_unsent",
    "Messages that could not be delivered: to be sent again, or given up.",
    ("state",),
)
UNSENT_AGE = Metric(
    "supervisor_notification_oldest_seconds",
    "For how long the oldest message that is to be sent again has been waiting; 0 without one.",
)
FIGURE_HITS = Metric(
    "supervisor_figure_hits",
    "Cases of the window that the figure counts: those above the line of its share.",
    ("figure",),
)
FIGURE_CASES = Metric(
    "supervisor_figure_cases",
    "All cases of the window: those below the line of its share.",
    ("figure",),
)
FIGURE_SECONDS = Metric(
    "supervisor_figure_seconds", "The figure itself, where it is a time.", ("figure",)
)
FIGURE_MINIMUM = Metric(
    "supervisor_figure_minimum", "So many cases there must be before it is judged.", ("figure",)
)
FIGURE_WINDOW = Metric(
    "supervisor_figure_window_seconds", "The window over which it is counted.", ("figure",)
)
SHARE_UPPER = Metric(
    "supervisor_figure_share_upper_limit",
    "The share that it should stay below; above `error` it is an error.",
    ("figure", "severity"),
)
SHARE_LOWER = Metric(
    "supervisor_figure_share_lower_limit",
    "The share that it should stay above; below `error` it is an error.",
    ("figure", "severity"),
)
COUNT_UPPER = Metric(
    "supervisor_figure_count_upper_limit",
    "The number that it should stay below; above `error` it is an error.",
    ("figure", "severity"),
)
SECONDS_UPPER = Metric(
    "supervisor_figure_seconds_upper_limit",
    "The seconds that it should stay below; above `error` it is an error.",
    ("figure", "severity"),
)
COPY_AGE = Metric(
    "supervisor_store_copy_age_seconds",
    "How long ago the store was last seen to be as its published copy shows it.",
)
COPY_SIZE = Metric("supervisor_store_copy_size_bytes", "Size of the published copy.")
COPY_READABLE = Metric(
    "supervisor_store_copy_readable",
    "1 when the copy could be read for this page; with 0 all that comes from it is old or absent.",
)
COUNTED_AGE = Metric(
    "supervisor_counted_age_seconds", "How long ago the copy was looked through for this page."
)
COPIES = Metric(
    "supervisor_store_copies_total", f"Copies that were published {_SINCE}.", (), _COUNTER
)
COPY_FAILURES = Metric(
    "supervisor_store_copy_failures_total",
    f"Copies that could not be taken {_SINCE}.",
    ("reason",),
    _COUNTER,
)
COPY_LOCK = Metric(
    "supervisor_store_copy_lock_seconds", "For how long the last copy made writers wait at most."
)
DISK_FREE = Metric("supervisor_disk_free_bytes", "Free space on the disk of the home.")
DISK_USED = Metric("supervisor_disk_used_bytes", "Used space on the disk of the home.")
PART_RUNNING = Metric("supervisor_part_running", "1 while a part of `up` runs.", ("part",))
PART_ENDS = Metric(
    "supervisor_part_ends_total",
    f"How often a part ended by itself, or was ended for its silence, {_SINCE}.",
    ("part",),
    _COUNTER,
)
PART_BEAT = Metric(
    "supervisor_part_heartbeat_age_seconds",
    "How long ago a part that runs last said that it is well.",
    ("part",),
)

METRICS = tuple(one for one in globals().values() if isinstance(one, Metric))
