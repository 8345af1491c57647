"""What the parts do not log: that the code server is away. It is told once, by its keeper.

Dagster's daemon alone would print a page for every sensor each second. `up --verbose` shows it.
"""

import logging

from dagster._core.errors import DagsterUserCodeUnreachableError

_NAME = DagsterUserCodeUnreachableError.__name__


def leave_out_absence() -> None:
    """Leaves out, from now on, what anybody logs only because nobody answers."""
    handle = logging.Handler.handle

    def handle_news(handler: logging.Handler, record: logging.LogRecord) -> bool:
        return bool(handle(handler, record)) if is_news(record) else False

    type.__setattr__(logging.Handler, "handle", handle_news)


def is_news(record: logging.LogRecord) -> bool:
    """False when the record says that the code server can't be reached."""
    error = record.exc_info[1] if record.exc_info else None
    while error is not None:
        # A location that could not be loaded holds the cause as text alone.
        if isinstance(error, DagsterUserCodeUnreachableError) or _NAME in str(error):
            return False
        error = error.__cause__ or error.__context__
    return _NAME not in record.getMessage()
