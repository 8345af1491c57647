"""How the analyses stand in a few numbers, for every command that tells of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from supervisor_core.analysis.wanted import analysis_tasks
from supervisor_core.home import Home
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.states import Work
from supervisor_core.store import Connection, analysed
from supervisor_core.store.analysed import Counts

_GROUPS = {
    "done": (Work.DONE, Work.DEGRADED, Work.ABSTAINED),
    "running": (Work.RUNNING,),
    "waiting": (Work.QUEUED, Work.WAITING),
    "blocked": (Work.BLOCKED,),
    "dead": (Work.ERROR, Work.DEAD),
    "cancelled": (Work.CANCELLED,),
}
_ALWAYS = ("done", "waiting", "blocked", "dead")


@dataclass(frozen=True)
class Standing:
    """How many analyses have a result, wait, are blocked or dead, and the reasons of the latter."""

    counts: Counts

    @classmethod
    def of(cls, connection: Connection, home: Home, settings: Settings) -> Self:
        """As the store and the profiles of media have it."""
        return cls(analysed.counts(connection, tasks_of(home, settings)))

    def total(self, *states: Work) -> int:
        """How many are in these states, or in any."""
        return sum(n for (state, _), n in self.counts.items() if not states or state in states)

    def reasons(self, group: str) -> Mapping[Reason, int]:
        """How many of a group have which reason."""
        found: Counter[Reason] = Counter()
        for (state, reason), count in self.counts.items():
            if reason is not None and state in _GROUPS[group]:
                found[reason] += count
        return found

    def count(self, group: str) -> int:
        """How many are done, running, waiting, blocked, dead or cancelled."""
        return self.total(*_GROUPS[group])

    @property
    def said(self) -> str:
        """The numbers in words."""
        parts = []
        for group in _GROUPS:
            count = self.count(group)
            if count or group in _ALWAYS:
                parts.append(f"{count} {group}{self._why(group)}")
        return ", ".join(parts)

    @property
    def told(self) -> dict[str, Any]:
        """The numbers as a JSON answer tells them; `states` by each single state."""
        groups = {group: self.count(group) for group in _GROUPS}
        why = {f"{group}_reasons": _codes(self.reasons(group)) for group in ("blocked", "dead")}
        states = {state.value: n for state in Work if (n := self.total(state))}
        return {**groups, **why, "states": states}

    def _why(self, group: str) -> str:
        reasons = self.reasons(group) if group in ("blocked", "dead") else {}
        listed = ", ".join(f"{reason.value} {count}" for reason, count in sorted(reasons.items()))
        return f" ({listed})" if listed else ""


def tasks_of(home: Home, settings: Settings) -> dict[str, str]:
    """The task for each profile of media whose files are analysed."""
    return analysis_tasks(settings.profiles_folder or home.root / "profiles")


def _codes(reasons: Mapping[Reason, int]) -> dict[str, int]:
    return {reason.value: count for reason, count in sorted(reasons.items())}
