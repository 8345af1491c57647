"""What the words of `backfill` choose: the assets, what of them, and within which intakes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from supervisor_assets.cli.edge import Usage
from supervisor_core.enrichment.modes import MODES
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.pipeline.redoing import meant
from supervisor_core.reasons import Reason
from supervisor_core.redo import ENRICHMENTS, FAMILIES, LEVELS, Redo, What, each
from supervisor_core.states import Cleaning
from supervisor_core.store.redoing import Chosen, Within

MOST = 1000
"""More intakes than this are not begun by mistake."""

_KNOWN = frozenset({*FAMILIES, *(f"{ENRICHMENTS}/{name}" for name in MODES)})

V = TypeVar("V", Cleaning, Reason)


@dataclass(frozen=True)
class Order:
    """The options as they were typed."""

    failed: bool = False
    level: str = ""
    code: str = ""
    older_than_model: bool = False
    changed_prompt: bool = False
    since: str = ""
    until: str = ""
    intakes: tuple[str, ...] = ()
    force: bool = False
    yes: bool = False
    dry_run: bool = False

    @property
    def redo(self) -> Redo:
        """What is made again; raises `Usage` for what makes no sense together."""
        flags = {
            What.FAILED: self.failed,
            What.OLDER: self.older_than_model,
            What.PROMPT: self.changed_prompt,
            What.ALL: self.force,
        }
        named = [what for what, given in flags.items() if given]
        if len(named) > 1:
            raise Usage("One of --failed, --older-than-model, --changed-prompt and --force.")
        if self.level and named:
            raise Usage("--level says itself which files are meant; leave out the other option.")
        levels = _named(self.level.lower(), {one.value: one for one in LEVELS}, "--level")
        codes = _named(
            self.code.upper().replace("-", "_"), {one.value: one for one in Reason}, "--code"
        )
        return Redo(named[0] if named else What.FAILED, frozenset(levels), frozenset(codes))

    @property
    def within(self) -> Within:
        """Which intakes are meant."""
        since, until = _day(self.since, "--since"), _day(self.until, "--until")
        if since and until and until < since:
            raise Usage("--until is before --since.")
        return Within(since, until, self.intakes)

    @property
    def narrowed(self) -> bool:
        """True when not simply everything is meant."""
        return bool(self.since or self.until or self.intakes or self.level or self.code)


@dataclass(frozen=True)
class Choice:
    """What is made again of each asset; `redo` says why it is."""

    redo: Redo
    items: Mapping[str, Sequence[Chosen]] = field(default_factory=dict)

    @property
    def intakes(self) -> dict[str, list[IntakeKey]]:
        """The intakes of each asset of which there is something, each once."""
        return {
            asset: list(dict.fromkeys(one.intake for one in found))
            for asset, found in self.items.items()
        }

    @property
    def count(self) -> int:
        """How many intakes there are in all."""
        return len({one.intake for found in self.items.values() for one in found})

    def states(self, asset: str) -> Mapping[tuple[str, Reason | None], int]:
        """How many items of an asset are how, and why."""
        return Counter((one.state, one.reason) for one in self.items[asset])


def assets_of(words: Sequence[str]) -> list[str]:
    """The assets that are named; raises `Usage` for one that can't be made again."""
    unknown = [word for word in words if word not in _KNOWN]
    if unknown:
        raise Usage(f"An asset that can be made again is one of: {', '.join(FAMILIES)}, or one"
                    f" mode as {ENRICHMENTS}/caption.")  # fmt: skip
    return each(words)


def chosen(work: Pipeline, assets: Sequence[str], order: Order) -> Choice:
    """What is made again of these assets, looked up at one moment; changes nothing.

    Raises `Usage` where one of them has nothing of the kind, and `Failed` when the model that
    decides what is outdated can't be asked.
    """
    redo = order.redo
    without = [asset for asset in assets if not redo.concerns(asset)]
    if without:
        raise Usage(_why_not(redo, without[0]))
    found = work.do(meant, assets, redo, order.within)
    return Choice(redo, {asset: items for asset, items in found.items() if items})


def _why_not(redo: Redo, asset: str) -> str:
    if redo.levels:
        return f"--level is of cleaned_frames; {asset} has no levels."
    if redo.what is What.ALL:
        return f"--force has nothing to do in {asset}: what is there stays as it came."
    if redo.what is What.PROMPT:
        return f"No prompt is asked for {asset}: --changed-prompt is of analyses and enrichments."
    return f"{asset} rests on no model; what another version has made is found by itself."


def _named(text: str, known: Mapping[str, V], option: str) -> list[V]:
    words = [word for word in text.replace(" ", "").split(",") if word]
    if any(word not in known for word in words):
        listed = ", ".join(known) if len(known) < 9 else "see docs/reasons.md"
        raise Usage(f"{option} has a word that nobody knows; there are: {listed}.")
    return [known[word] for word in words]


def _day(text: str, option: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Usage(f"{option} takes a day such as 2026-05-04.") from None
