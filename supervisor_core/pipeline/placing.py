"""Moves a file that was looked at to where it stays: raw/, refused/, or back into the inbox."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from supervisor_core.faults import fault
from supervisor_core.media.files import publish
from supervisor_core.pipeline import places
from supervisor_core.pipeline.child import Examined
from supervisor_core.pipeline.context import Context
from supervisor_core.pipeline.falls import KILLING, stays
from supervisor_core.pipeline.looking import Looked, Looker
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.arrivals import Arrival

_KEPT = "kept"


@dataclass(frozen=True)
class Placer:
    """Places the files of one intake.

    `targets` says where each content belongs, `killed` how often each file (by ordinal) has killed
    its reader before.
    """

    context: Context
    looker: Looker
    targets: Mapping[str, Path]
    killed: Mapping[int, int]

    def place(self, looked: Looked) -> Looked:
        """Moves the file; where that fails the arrival waits as it is."""
        try:
            return self._place(looked)
        except Failed as failed:
            return replace(looked, value=failed)
        except OSError as error:
            return replace(looked, value=places.failed_from(error))

    def waits(self, looked: Looked) -> bool:
        """True when the cause may pass; what kills its reader again and again is refused."""
        if not isinstance(looked.value, Failed):
            return False
        if looked.value.reason in KILLING:
            tries = self.killed.get(looked.arrival.ordinal, 0) + 1
            return tries < self.context.settings.import_tries
        if self._is_another(looked):
            return False
        return stays(looked.value.reason) and _KEPT not in looked.value.facts

    def _place(self, looked: Looked) -> Looked:
        if isinstance(looked.value, Examined):
            return self._accept(looked, self.targets[looked.value.sha256])
        if looked.value.reason is Reason.FILE_CHANGED and not self._is_another(looked):
            return self._return(looked)
        if not self.waits(looked):
            self._refuse(looked)
        return looked

    def _accept(self, looked: Looked, target: Path) -> Looked:
        """Puts the file where its content is kept.

        A second copy of known bytes takes the place of the first: it was hashed a moment ago, so
        what is kept is what the hash says, and no other copy is left.
        """
        if looked.path is not None and looked.path != target:
            publish(looked.path, target)
        return replace(looked, path=target)

    def _return(self, looked: Looked) -> Looked:
        """Gives a file that somebody still writes to its old place, where it is seen anew."""
        if looked.path is None or looked.path != self._taken(looked.arrival):
            return looked
        entry = self.looker.entry(looked.arrival)
        if places.put_back(looked.path, entry, self.looker.root):
            fault("import.returned")
            return replace(looked, path=None)
        self._refuse(looked)
        return replace(looked, value=Failed(Reason.FILE_CHANGED, **{_KEPT: 1}))

    def _refuse(self, looked: Looked) -> None:
        arrival, home = looked.arrival, self.context.home
        if self.looker.is_remote(arrival) and looked.path in (None, self._taken(arrival)):
            self._taken(arrival).unlink(missing_ok=True)  # it is still in its bucket
            fault("import.refused")
            return
        target = places.refused(home, arrival.intake, arrival.ordinal)
        if looked.path is not None and looked.path != target:
            publish(looked.path, target)
            fault("import.refused")
        if looked.path is None and looked.reason is not Reason.FILE_NOT_FOUND:
            self._refuse_entry(arrival, target)

    def _refuse_entry(self, arrival: Arrival, target: Path) -> None:
        """Moves what can't be opened (a link, a pipe) as it is, if it is still what was seen."""
        entry = self.looker.entry(arrival)
        if self.looker.unchanged(arrival, entry):
            places.move_entry(entry, target, self.looker.root)
            fault("import.refused")

    def _is_another(self, looked: Looked) -> bool:
        """True when other content lies in the storage now: that is seen as a file of its own."""
        return looked.reason is Reason.FILE_CHANGED and self.looker.is_remote(looked.arrival)

    def _taken(self, arrival: Arrival) -> Path:
        return places.taken(self.context.home, arrival.intake, arrival.ordinal)
