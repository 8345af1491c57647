"""Whether a recording comes on, judged by the media: by time stamps and by decoded pictures."""

from collections.abc import Callable, Sequence
from enum import StrEnum, auto

_LONGEST_FACTOR = 2
_PAUSES_KEPT_S = 600.0  # a stall of an hour does not make the next one normal
_START_S = 20.0  # for a new source to begin, on a busy machine
_LOOP_KEYS = 3  # so many key pictures in a row were shown before, in the same order
_HISTORY = 100_000  # key pictures; two days at one every two seconds


class State(StrEnum):
    """What a recording does at this moment, or what a segment shows."""

    OK = auto()
    FROZEN = auto()
    LOOPING = auto()


class Pace:
    """How long media may stay away: the setting, or twice the longest pause that passed by itself.

    `now` tells a monotonic time in seconds.
    """

    def __init__(self, stall_s: float, now: Callable[[], float]) -> None:
        self._stall_s, self._now = stall_s, now
        self._longest_s = 0.0
        self._media_s = 0.0
        self._starting = True
        self.moved_at = now()

    @property
    def limit_s(self) -> float:
        """How long nothing new may come."""
        longest_s = _LONGEST_FACTOR * min(self._longest_s, _PAUSES_KEPT_S)
        return max(self._stall_s, longest_s) + (_START_S if self._starting else 0.0)

    @property
    def stalled(self) -> bool:
        """True when media have stayed away for longer than that."""
        return self._now() - self.moved_at > self.limit_s

    def start(self) -> None:
        """A source was opened: its first media may take as long as any pause."""
        self._starting, self.moved_at = True, self._now()

    def see(self, media_s: float) -> bool:
        """Takes in how many seconds of media have come by now; true when there are new ones."""
        if media_s <= self._media_s:
            return False
        now = self._now()
        if self._media_s:
            self._longest_s = max(self._longest_s, now - self.moved_at)
        self._media_s, self.moved_at, self._starting = media_s, now, False
        return True


class Stillness:
    """Looks at one picture now and then: has it been the same one for too long?"""

    def __init__(self, frozen_s: float) -> None:
        self._frozen_s = frozen_s
        self._picture, self._since_s = "", 0.0

    def see(self, picture: str, media_s: float) -> State:
        """Takes in the picture that is shown after so many seconds of media."""
        if picture != self._picture or not picture:
            self._picture, self._since_s = picture, media_s
        return State.FROZEN if media_s - self._since_s >= self._frozen_s else State.OK


class Repeats:
    """Remembers the key pictures of a recording, to tell what is shown again."""

    def __init__(self, frozen_s: float) -> None:
        self._frozen_s = frozen_s
        self._at: dict[str, int] = {}
        self._count = 0

    def judge(self, pictures: Sequence[str], length_s: float) -> State:
        """What the next segment shows, by its key pictures in order and its length in seconds."""
        spacing_s = length_s / len(pictures) if pictures else 0.0
        if _longest_run(pictures) * spacing_s >= self._frozen_s:
            return State.FROZEN  # and nothing to remember: a still picture may well come again
        return State.LOOPING if self._shown_again(pictures) else State.OK

    def _shown_again(self, pictures: Sequence[str]) -> bool:
        expected, run, again = -1, set[str](), False
        for picture in pictures:
            at = self._at.get(picture)
            run = (
                {*run, picture}
                if at is not None and at == expected
                else {picture} & self._at.keys()
            )
            again = again or len(run) >= _LOOP_KEYS
            expected = -1 if at is None else at + 1
            if at is None and len(self._at) < _HISTORY:
                self._at[picture] = self._count
            self._count += 1
        return again


def _longest_run(pictures: Sequence[str]) -> int:
    longest = run = 0
    before = ""
    for picture in pictures:
        run = run + 1 if picture == before else 1
        before, longest = picture, max(longest, run)
    return longest
