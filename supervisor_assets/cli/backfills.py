"""The backfills of Dagster: launching them, how far they are, and ending them.

They are Dagster's own: the daemon starts their runs, the UI shows them under Overview > Backfills,
and those that somebody has launched there are told of here just the same.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, cast

import dagster as dg
import typer
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionStatus,
    PartitionBackfill,
)
from dagster._core.utils import make_new_backfill_id

from supervisor_assets.cli import say
from supervisor_assets.cli.backfill_runs import Tally, tally
from supervisor_assets.cli.backfill_targets import Beside, beside, targets
from supervisor_assets.cli.codes import Code
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.installation import daemon_runs, existing_home
from supervisor_assets.cli.runs import open_quiet_instance
from supervisor_assets.jobs import ASSETS_OF
from supervisor_assets.partitions import intake
from supervisor_assets.requests import PRIORITY_TAG
from supervisor_core.home import Home
from supervisor_core.keys import IntakeKey
from supervisor_core.redo import CLEANED, Redo
from supervisor_core.settings import Settings
from supervisor_core.store.lock import FairLock
from supervisor_core.time_left import in_words, seconds_left

_COLUMNS = ("backfill", "state", "assets", "intakes", "ended", "failed", "asked")
_PICTURES = "thumbnails"
_LISTED = 20
_POLL_S = 1.0
_SAID_EVERY_S = 30.0
_ALONE_S = 60.0
_LATER = {PRIORITY_TAG: "-1"}
"""What comes in meanwhile goes before what is only made again."""


@dataclass(frozen=True)
class Standing:
    """How far a backfill is: how many intakes it has, and how many runs stand how."""

    id: str
    state: BulkActionStatus
    assets: tuple[str, ...]
    intakes: int
    asked: datetime
    tally: Tally
    expected_s: tuple[float, float] | None = None

    @property
    def runs(self) -> Mapping[str, int]:
        """How many runs stand how, each of the last try."""
        return self.tally.runs

    @property
    def ended(self) -> int:
        """How many runs are at their end."""
        return self.tally.ended

    @property
    def over(self) -> bool:
        """True when nothing more happens."""
        return self.state in BULK_ACTION_TERMINAL_STATUSES

    @property
    def well(self) -> bool:
        """True when it has ended and none of its runs has failed."""
        return self.state in (BulkActionStatus.COMPLETED_SUCCESS, BulkActionStatus.COMPLETED)

    @property
    def said(self) -> str:
        """How far it is in one line."""
        parts = [f"{count} {name}" for name, count in self.runs.items() if count]
        line = f"{self.id}: {self.ended} of {self.intakes} ended"
        line += f" ({', '.join(parts)})" if parts else ""
        return line if self.over else f"{line}; time left: {in_words(self.expected_s)}"

    @property
    def told(self) -> dict[str, Any]:
        """The same as a JSON answer has it."""
        expected = None if self.over else self.expected_s
        return {
            "id": self.id,
            "state": self.state.value.lower(),
            "assets": list(self.assets),
            "intakes": self.intakes,
            "asked": self.asked.isoformat(),
            "ended": self.ended,
            "runs": dict(self.runs),
            "seconds_left": [round(one, 1) for one in expected] if expected else None,
        }


class House:
    """The Dagster instance of a home, as far as its backfills go."""

    def __init__(self, instance: dg.DagsterInstance, home: Home) -> None:
        self._instance = instance
        self._lock = FairLock(home.dagster, "backfill")

    @cached_property
    def daemon_runs(self) -> bool:
        """True when somebody is there to carry a backfill out."""
        return daemon_runs(self._instance)

    def alone(self) -> AbstractContextManager[None]:
        """Two commands at once look and launch one after the other within such a block."""
        return self._lock.hold(shared=False, wait_s=_ALONE_S)

    def beside(self, redo: Redo, wanted: Mapping[str, Sequence[IntakeKey]]) -> list[Beside]:
        """The backfills under way that have some of these assets and intakes already."""
        return beside(self._instance, redo, wanted)

    def launch(self, redo: Redo, wanted: Mapping[str, Sequence[IntakeKey]]) -> list[Standing]:
        """Asks for a backfill of each group of assets that one job makes.

        So a run that waits for a model takes no place from those that clean.
        """
        every = _with_pictures(wanted)
        groups = [
            {asset: keys for asset, keys in every.items() if _key(asset) in assets}
            for assets in (*ASSETS_OF.values(),)
        ]
        return [self._launch(redo, group) for group in groups if group]

    def _launch(self, redo: Redo, group: Mapping[str, Sequence[IntakeKey]]) -> Standing:
        every = sorted({key for keys in group.values() for key in keys})
        self._instance.add_dynamic_partitions(cast(str, intake.name), every)
        subset = AssetGraphSubset(  # type: ignore[call-arg]
            partitions_subsets_by_asset_key={
                _key(asset): intake.subset_with_partition_keys(keys)
                for asset, keys in group.items()
            },
        )
        made = PartitionBackfill.from_asset_graph_subset(
            backfill_id=make_new_backfill_id(),
            backfill_timestamp=time.time(),
            tags={**redo.tags, **_LATER},
            dynamic_partitions_store=self._instance,
            asset_graph_subset=subset,
            title=f"{redo.what.value}: {', '.join(group)}",
            description=None,
            run_config=None,
        )
        self._instance.add_backfill(made)
        return self.standing(made.backfill_id)

    def standing(self, key: str) -> Standing:
        """How far a backfill is; raises `Usage` when there is none of this name."""
        return self._standing(self._find(key))

    def newest(self) -> list[Standing]:
        """The last backfills, those first that were asked for last."""
        return [self._standing(one) for one in self._instance.get_backfills(limit=_LISTED)]

    def cancel(self, key: str) -> Standing:
        """Has it end, with all its runs, as its button in the UI does."""
        found = self._find(key)
        if found.status in BULK_ACTION_TERMINAL_STATUSES:
            raise Usage("This backfill has ended already.")
        ending = found.with_status(BulkActionStatus.CANCELING)  # type: ignore[no-untyped-call]
        self._instance.update_backfill(ending)
        return self.standing(key)

    def watch(self, key: str, *, quiet: bool) -> Standing:
        """Tells how far it is until it ends."""
        said, said_s = "", 0.0
        while not (now := self.standing(key)).over:
            changed = str(now.runs) != said
            if not quiet and (changed or time.monotonic() - said_s > _SAID_EVERY_S):
                say.note(now.said)
                said, said_s = str(now.runs), time.monotonic()
            time.sleep(_POLL_S)
        if not quiet:
            say.note(f"{now.said}: {_word(now.state)}.")
        return now

    def _find(self, key: str) -> PartitionBackfill:
        found = self._instance.get_backfill(key)
        if found is None:
            raise Usage("There is no backfill ID of this name; see: backfill list.")
        return found

    def _standing(self, backfill: PartitionBackfill) -> Standing:
        key, asked_s = backfill.backfill_id, backfill.backfill_timestamp
        over = backfill.status in BULK_ACTION_TERMINAL_STATUSES
        found = tally(self._instance, key, over=over)
        intakes = self._intakes(backfill)
        left = intakes - found.ended
        return Standing(
            id=key,
            state=backfill.status,
            assets=_assets(backfill),
            intakes=intakes,
            asked=datetime.fromtimestamp(asked_s, UTC),
            tally=found,
            expected_s=seconds_left(found.ended, asked_s, time.time(), left, found.last_ends_s),
        )

    def _intakes(self, backfill: PartitionBackfill) -> int:
        return len({key for keys in targets(self._instance, backfill).values() for key in keys})


@contextmanager
def opened() -> Iterator[House]:
    """The backfills of the home of the settings, where there is one."""
    home = existing_home(Settings.load())
    with open_quiet_instance(home) as instance:
        yield House(instance, home)


def show_all(*, as_json: bool) -> None:
    """Lists the last backfills."""
    with opened() as house:
        found = house.newest()
    if as_json:
        say.data_json([one.told for one in found])
        return
    say.table(_COLUMNS, [_row(one) for one in found])
    for one in found:
        if not one.over:
            say.note(one.said)


def show(key: str, *, wait: bool, as_json: bool) -> None:
    """Tells of one backfill, or of how it goes on until it ends."""
    with opened() as house:
        found = house.watch(key, quiet=as_json) if wait else house.standing(key)
    if as_json:
        say.data_json(found.told)
    elif not wait:
        say.table(_COLUMNS, [_row(found)])
        say.note(found.said)
    if wait and not found.well:
        raise typer.Exit(Code.FAILED)


def cancel(key: str, *, wait: bool, as_json: bool) -> None:
    """Has a backfill end with all its runs; what they have made stays."""
    with opened() as house:
        found = house.cancel(key)
        if not house.daemon_runs:
            say.note("No daemon runs: its runs are ended with the next `supervisor-assets up`.")
        elif wait:
            found = house.watch(key, quiet=as_json)
    if as_json:
        say.data_json(found.told)
    else:
        say.note(f"{key}: {_word(found.state)}. What it has made stays; the rest is as it was.")


def _row(one: Standing) -> tuple[object, ...]:
    asked = f"{one.asked:%Y-%m-%d %H:%M}"
    ended, failed = one.ended, one.runs["failed"]
    return one.id, _word(one.state), ", ".join(one.assets), one.intakes, ended, failed, asked


def _word(state: BulkActionStatus) -> str:
    return state.value.lower().replace("_", " ")


def _assets(backfill: PartitionBackfill) -> tuple[str, ...]:
    if backfill.asset_selection:
        return tuple(sorted(one.to_user_string() for one in backfill.asset_selection))
    return (backfill.job_name,) if backfill.job_name else ()


def _with_pictures(
    wanted: Mapping[str, Sequence[IntakeKey]],
) -> dict[str, Sequence[IntakeKey]]:
    """What is cleaned again gets its small pictures in the same run, and not in a later one."""
    pictures = [*wanted.get(CLEANED, ()), *wanted.get(_PICTURES, ())]
    return {**wanted, _PICTURES: list(dict.fromkeys(pictures))} if pictures else dict(wanted)


def _key(asset: str) -> dg.AssetKey:
    return dg.AssetKey(asset.split("/"))
