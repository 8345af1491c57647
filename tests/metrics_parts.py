"""A store with its published copy and the page of its metrics, and how to read that."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from store_builders import Clock, open_store, settings_for

from supervisor_assets.running.publishing import Publishing
from supervisor_core.metrics.page import MetricsPage
from supervisor_core.metrics.samples import PartState
from supervisor_core.store import (
    attempts,
)
from supervisor_core.store.attempts import Attempt, Outcome, Step

Values = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


class House:
    """A store with its publisher and its page, all by one clock."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = open_store(folder, self.clock)
        settings = settings_for(folder)
        self.copy = Publishing(self.store.home, settings)
        parts = {"daemon": PartState(True, 2, 1.5), "watchman": PartState(False, 0, None)}
        self.page = MetricsPage(
            self.store.home,
            settings,
            parts=lambda: parts,
            copying=self.copy,
            clock=self.clock,
        )

    def tried(self, step: Step, ended_s: float = 1.0, **how: object) -> None:
        """A try that ends so many seconds from now."""
        self.enter([self.a_try(step, ended_s, **how)])

    def a_try(self, step: Step, ended_s: float = 1.0, **how: object) -> Attempt:
        at = self.clock() + timedelta(seconds=ended_s)
        one = Attempt(step=step, owner="me@x/1.1", started=at, **how)
        return replace(one, ended=at, outcome=one.outcome or Outcome.DONE)

    def enter(self, tries: Sequence[Attempt]) -> None:
        with self.store.write() as connection:
            attempts.open_all(connection, tries)
            attempts.close_all(connection, tries)

    def values(self) -> Values:
        assert self.copy.publish()
        assert self.page.refresh()
        return values_of(self.fresh())

    def fresh(self) -> str:
        self.page._made_s = float("-inf")
        return self.page.text().decode()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def values_of(text: str) -> Values:
    """Every sample, by its name and labels; none is there twice."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(values: Values, name: str, **labels: str) -> float:
    return values[f"supervisor_{name}", frozenset(labels.items())]
