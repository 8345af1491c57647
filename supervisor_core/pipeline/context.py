"""What every step of the pipeline is given to work with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from supervisor_core.home import Home
from supervisor_core.pipeline.tools import Tools
from supervisor_core.settings import Settings
from supervisor_core.store import Store

P = ParamSpec("P")
T = TypeVar("T")
Progress = Callable[[int, int], None]


class Caller(Protocol):
    """Runs a function elsewhere and ends it at its limit: `deadline.Worker`."""

    def call(
        self,
        function: Callable[..., T],
        /,
        *args: object,
        limit_s: float,
        scratch: Sequence[Path] = (),
        on_progress: Progress | None = None,
    ) -> T:
        """The function's result; raises what it raised, or that it did not end in time."""
        ...


@dataclass(frozen=True)
class Context:
    """The store and folders, the worker that does what is native, and in whose name."""

    store: Store
    home: Home
    settings: Settings
    worker: Caller
    owner: str
    on_progress: Progress | None = None
    tools: Tools = field(default_factory=Tools)

    def now(self) -> datetime:
        """The present moment by the store's clock."""
        return self.store.now()

    def lease_end(self) -> datetime:
        """When a lease that is taken or renewed now runs out."""
        return self.now() + timedelta(seconds=self.settings.lease_s)

    def profiles_folder(self) -> Path:
        """Where the operator's own profiles are."""
        return self.settings.profiles_folder or self.home.root / "profiles"

    def analyses_folder(self) -> Path:
        """Where the operator's own analysis profiles are."""
        return self.settings.analyses_folder or self.home.root / "analyses"


_PARTS = 1000


def item_progress(on_progress: Progress | None, index: int, count: int) -> Progress | None:
    """Progress of one item of several, told as thousandths of items."""
    if on_progress is None:
        return None

    def tell(done: int, total: int) -> None:
        share = min(done / total, 1.0) if total else 0.0
        on_progress(int((index + share) * _PARTS), count * _PARTS)

    return tell
