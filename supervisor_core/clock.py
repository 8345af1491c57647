"""The one clock: UTC, and replaceable where a test needs another hour."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment as an aware datetime in UTC."""
    return datetime.now(UTC)
