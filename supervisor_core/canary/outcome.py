"""What a flight of the canary comes to."""

from dataclasses import dataclass, field
from enum import StrEnum

from supervisor_core.reasons import Reason


class Health(StrEnum):
    """What a flight says of the installation."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"  # nothing gets out and nothing is lost, but less is done than should be
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class Flight:
    """How it went: seconds from the dropped file to the end, and of each stage."""

    health: Health
    reason: Reason | None
    seconds: float
    stages: dict[str, float] = field(default_factory=dict)
