"""What the parts do not log: that the code server is away. It is told once, by its keeper.

Dagster's daemon alone would print a page for every sensor each second. `up --verbose` shows it.
"""

import logging

from dagster._core.errors import DagsterUserCodeUnreachableError

_LOGGERS = ("dagster", "dagster-webserver", "dagster.daemon")
_DAEMONS = (
    "AssetDaemon",
    "BackfillDaemon",
    "EventLogConsumerDaemon",
    "FreshnessDaemon",
    "MonitoringDaemon",
    "QueuedRunCoordinatorDaemon",
    "SchedulerDaemon",
    "SensorDaemon",
)


def leave_out_absence() -> None:
    """Leaves out, from now on, what is logged only because nobody answers."""
    for name in (*_LOGGERS, *(f"dagster.daemon.{daemon}" for daemon in _DAEMONS)):
        logging.getLogger(name).addFilter(is_news)


def is_news(record: logging.LogRecord) -> bool:
    """False when the record says that the code server can't be reached."""
    error = record.exc_info[1] if record.exc_info else None
    while error is not None:
        if isinstance(error, DagsterUserCodeUnreachableError):
            return False
        error = error.__cause__
    return DagsterUserCodeUnreachableError.__name__ not in record.getMessage()
