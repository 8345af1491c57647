"""What kind of thing a media shows: by the operator's word, the model's, or a word of its name.

Whatever it comes from, the kind is a word of the profile's closed list. A file name is only asked
whether it holds known words; no piece of it goes on, since it may name a patient.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from supervisor_core.analysis.profiles import AnalysisProfile

# Runs of letters, and in `BoulderSession` each of both words.
_RUN = re.compile(r"[^\W\d_]+")
_INNER = re.compile(r"(?<=[^\W\d_A-ZÄÖÜ])(?=[A-ZÄÖÜ])")


class Source(StrEnum):
    """Who said which kind it is."""

    TAG = "tag"
    MODEL = "model"
    NAME = "name"
    NONE = "none"


@dataclass(frozen=True)
class Kind:
    """A word of the profile's list and where it comes from; no word when nobody said any."""

    word: str | None
    source: Source


def decide(
    tag: str | None, model_word: str | None, name_hint: str | None, profile: AnalysisProfile
) -> Kind:
    """The first of these that is a kind of the profile: tag, model's word, hint of the name."""
    told = ((tag, Source.TAG), (model_word, Source.MODEL), (name_hint, Source.NAME))
    for word, source in told:
        if listed := _listed(word, profile):
            return Kind(listed, source)
    return Kind(None, Source.NONE)


def hint_of(name: str | None, profile: AnalysisProfile) -> str | None:
    """The only kind that the words of a file name hint at; two different ones are no hint."""
    found = {profile.hints[word] for word in _words(name or "") if word in profile.hints}
    return found.pop() if len(found) == 1 else None


def _listed(word: str | None, profile: AnalysisProfile) -> str | None:
    wanted = (word or "").strip().casefold()
    return next((kind for kind in profile.kinds if kind == wanted), None)


def _words(name: str) -> Iterator[str]:
    for run in _RUN.findall(unicodedata.normalize("NFC", name)):
        yield run.casefold()
        yield from (part.casefold() for part in _INNER.split(run))
