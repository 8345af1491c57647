"""What a step says about the intake it worked on: counts and reasons, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Cleaning
from supervisor_core.store.attempts import Step

Reasons = Mapping[Reason, int]


@dataclass(frozen=True)
class ImportReport:
    """What became of the files of an intake in this call.

    `waiting` holds files whose cause may pass: the call is to be made again. `known` files had
    reached their end before.
    """

    intake: IntakeKey
    imported: int = 0
    duplicates: int = 0
    known: int = 0
    refused: Reasons = field(default_factory=dict)
    waiting: Reasons = field(default_factory=dict)

    @property
    def again(self) -> bool:
        """True when the same call later may get further."""
        return bool(self.waiting)


@dataclass(frozen=True)
class StepReport:
    """What one step did with the media of an intake.

    `done` were finished by this call, `skipped` did not wait for this step. `failed` counts what
    sent items a level down in this call; `below` how many wait for a lower level now, whenever they
    fell. `waiting` holds items whose cause may pass and that wait for this very step again, `busy`
    those that another run is working on.
    """

    intake: IntakeKey
    step: Step
    level: Cleaning | None = None
    done: int = 0
    skipped: int = 0
    below: int = 0
    busy: int = 0
    failed: Reasons = field(default_factory=dict)
    waiting: Reasons = field(default_factory=dict)

    @property
    def again(self) -> bool:
        """True when the same call later may get further."""
        return bool(self.waiting or self.busy)

    @property
    def empty(self) -> bool:
        """True when the intake has no media at all: every file was refused."""
        return not (self.done or self.skipped or self.below or self.again)
