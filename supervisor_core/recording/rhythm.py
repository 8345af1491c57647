"""Which key frames of a segment that is being written are looked at: decoding all costs too much.

While the picture moves they are looked at for a while and left alone for twice as long. The whiles
are long enough to see what comes again, and one that begins elsewhere in a loop sees other parts of
it. Once the picture stands still every key frame counts until it moves again. What moved unseen in
a pause is not known, so it counts as moved: nothing is called frozen for what nobody saw.
"""

from collections.abc import Sequence
from dataclasses import replace

from supervisor_core.recording.pieces import Place
from supervisor_core.recording.watching import Sample

_WHILE, _PAUSE = 1 / 12, 1 / 3  # of the time after which a picture counts as frozen


class Rhythm:
    """Chooses by the stream's own time; `frozen_s` is how long a picture may stand still."""

    def __init__(self, frozen_s: float) -> None:
        self._while_s, self._pause_s = _WHILE * frozen_s, _PAUSE * frozen_s
        self._pause_until_s = 0.0
        self._first_s: float | None = None  # of this while

    def choose(self, places: Sequence[Place], most: int) -> list[Place]:
        """Those of the places that came that are to be looked at, in even steps."""
        wanted = [place for place in places if place.media_s >= self._pause_until_s]
        return wanted[:: -(-len(wanted) // most)] if wanted else []

    def marked(self, samples: Sequence[Sample]) -> list[Sample]:
        """What was seen, with the first after a pause as moved."""
        if not samples or self._first_s is not None:
            return list(samples)
        self._first_s = samples[0].time_s
        return [replace(samples[0], moved=True), *samples[1:]]

    def saw(self, time_s: float, still_s: float) -> None:
        """The picture was looked at up to this time, and has not changed for so long."""
        looked_s = time_s - (time_s if self._first_s is None else self._first_s)
        if looked_s >= self._while_s and still_s < looked_s / 2:
            self._pause_until_s, self._first_s = time_s + self._pause_s, None
