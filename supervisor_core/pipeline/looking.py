"""Gets the file of an arrival, wherever an earlier call has left it, and looks into it.

A file is at one place at any moment, and every place can be told from its arrival: the inbox (or
recordings/, for what was recorded here), then work/ under the arrival's own name, then raw/ under
its hash or refused/ under the arrival's name. An object of a storage stays there and is brought
into work/ by the one door.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from supervisor_core.keys import Fingerprint
from supervisor_core.media.files import publish
from supervisor_core.media.policy import Profile
from supervisor_core.media.ref import S3Object
from supervisor_core.media.taking import take
from supervisor_core.pipeline import places
from supervisor_core.pipeline.child import Examined
from supervisor_core.pipeline.context import Context
from supervisor_core.reasons import Failed, Reason
from supervisor_core.remote.door import Door
from supervisor_core.store.arrivals import Arrival
from supervisor_core.store.attempts import Attempt

# Times of files that were copied to another disk are as exact as that disk can write them.
_COARSEST_NS = 2 * 10**9
# Ways in which fetching an object ends that say nothing about the object.
_OF_THE_WAY = frozenset({Reason.TIMEOUT, Reason.WORKER_CRASHED, Reason.HTTP_ERROR})


@dataclass(frozen=True)
class Looked:
    """An arrival with what a look at its file has shown; the path is None where there is none."""

    arrival: Arrival
    attempt: Attempt
    path: Path | None
    value: Examined | Failed

    @property
    def reason(self) -> Reason | None:
        """Why the file does not come in."""
        return self.value.reason if isinstance(self.value, Failed) else None


@dataclass(frozen=True)
class Looker:
    """Looks at the files of one intake.

    `paths` are relative to `root` (the inbox, or the recordings), by fingerprint; `objects` are
    those that lie in a storage.
    """

    context: Context
    profile: Profile
    root: Path
    paths: Mapping[str, str]
    objects: Mapping[Fingerprint, S3Object] = field(default_factory=dict)

    def look(self, arrival: Arrival, attempt: Attempt) -> Looked:
        """Takes the file out of the inbox and looks into it."""
        started_s = time.monotonic()
        path: Path | None = None
        value: Examined | Failed
        try:
            path = self._fetch(arrival)
            value = self._examine(arrival, path)
        except Failed as failed:
            value = failed
        except OSError as error:
            value = places.failed_from(error)
        tried = replace(attempt, seconds=time.monotonic() - started_s)
        return Looked(arrival, tried, path, value)

    def is_remote(self, arrival: Arrival) -> bool:
        """True for a file that lies in a storage and not in the inbox."""
        return arrival.fingerprint in self.objects

    def entry(self, arrival: Arrival) -> Path:
        """Where the file lay when it was seen; a key is never made a path.

        Raises `Failed(FILE_NOT_FOUND)` for no name.
        """
        path = self.paths.get(arrival.fingerprint)
        if path is None or self.is_remote(arrival):
            raise Failed(Reason.FILE_NOT_FOUND)
        return self.root / path

    def unchanged(self, arrival: Arrival, path: Path) -> bool:
        """True when the file there has the size and time that were seen."""
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            raise Failed(Reason.FILE_NOT_FOUND) from None
        copied = status.st_dev != self.root.stat().st_dev
        later_ns = abs(status.st_mtime_ns - arrival.mtime_ns)
        return status.st_size == arrival.size_bytes and later_ns <= copied * _COARSEST_NS

    def _fetch(self, arrival: Arrival) -> Path:
        home = self.context.home
        taken = places.taken(home, arrival.intake, arrival.ordinal)
        for path in self._left(arrival):
            if os.path.lexists(path):
                self._finish_taking(arrival, taken)
                return path
        if self.is_remote(arrival):
            return self._bring(arrival, taken)
        entry = self.entry(arrival)
        if not self.unchanged(arrival, entry):
            raise Failed(Reason.FILE_CHANGED)
        return take(entry, taken, self.root)

    @cached_property
    def _door(self) -> Door:
        return Door(self.context.home.work, self.context.settings, self.context.worker)

    def _bring(self, arrival: Arrival, into: Path) -> Path:
        """Fetches an object; what may pass must not look as if the file itself were at fault."""
        try:
            reference = self.objects[arrival.fingerprint]
            with self._door.localize(reference, self.profile.max_bytes) as found:
                os.utime(found.path, ns=(arrival.mtime_ns, arrival.mtime_ns))
                return publish(found.path, into)
        except Failed as failed:
            if failed.reason not in _OF_THE_WAY:
                raise
            raise Failed(Reason.STORAGE_UNREACHABLE, **failed.facts) from None

    def _finish_taking(self, arrival: Arrival, taken: Path) -> None:
        """Removes what a copy to another disk has left in the inbox when it was interrupted."""
        with suppress(Failed):
            entry = self.entry(arrival)
            if taken.is_file() and self.unchanged(arrival, entry):
                take(entry, taken, self.root)

    def _left(self, arrival: Arrival) -> Iterator[Path]:
        """Where a call that was interrupted may have left the file."""
        home = self.context.home
        yield places.taken(home, arrival.intake, arrival.ordinal)
        if arrival.media and (found := places.find_imported(home, arrival.media)):
            yield found
        yield places.refused(home, arrival.intake, arrival.ordinal)

    def limit_s(self, arrival: Arrival) -> float:
        """How long a look at the file may take."""
        settings = self.context.settings
        return settings.import_base_s + settings.import_s_per_gb * arrival.size_bytes / 1e9

    def _examine(self, arrival: Arrival, path: Path) -> Examined:
        outside_name = PurePosixPath(self.paths.get(arrival.fingerprint, "")).name
        found = self.context.worker.call(
            self.context.tools.examine,
            path,
            outside_name,
            self.profile,
            limit_s=self.limit_s(arrival),
        )
        # In raw/ another copy of the same bytes, with a time of its own, may have taken its place.
        if found.sha256 != arrival.media and not self.unchanged(arrival, path):
            raise Failed(Reason.FILE_CHANGED)
        return found
