"""The page that a monitor reads, in the text format of Prometheus.

It is made of what was counted in the published copy a moment ago, of how `up` and its parts are,
and of the disk. Counting takes a quarter of a second in a store of 100,000 media, so it is done
beside: who asks waits for nothing. Without a copy the page has the rest; with one that can't be
read any more it has the last values that were counted, and says so.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from supervisor_core.clock import Clock, utc_now
from supervisor_core.home import Home
from supervisor_core.metrics import samples
from supervisor_core.metrics.catalogue import COUNTED_AGE, METRICS, Kind
from supervisor_core.metrics.counted import LIMITS_S, Counted, count
from supervisor_core.metrics.samples import Copying, PartState, Sample
from supervisor_core.settings import Settings
from supervisor_core.store.published import PublishedStore

_FRESH_S = 1.0  # how long an answer is given again, however many ask
_STANDS_S = 60.0  # how long what was counted stands while the copy stays the same: windows move
_EDGES = (*(str(limit) for limit in LIMITS_S), "+Inf")

Key = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Last:
    """What was counted, in which copy, and when."""

    taken_ns: int
    counted_s: float
    found: Counted


class MetricsPage:
    """The page of one home; what is counted is counted from `began` on, which is now."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        *,
        parts: Callable[[], Mapping[str, PartState]] | None = None,
        copying: Copying | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._home, self._settings, self._clock = home, settings, clock
        self._parts, self._copying = parts, copying
        self._place = PublishedStore(home)
        self._began = clock()
        self._rising = Rising()
        self._counted: _Last | None = None
        self._readable = False
        self._text, self._made_s = b"", float("-inf")
        self._one_at_a_time = threading.Lock()

    def text(self) -> bytes:
        """The page as of now, or as of a second ago."""
        with self._one_at_a_time:
            if time.monotonic() - self._made_s > _FRESH_S:
                self._text = _rendered(self._families())
                self._made_s = time.monotonic()
            return self._text

    def _families(self) -> list[Metric]:
        values: dict[str, dict[tuple[str, ...], list[float]]] = defaultdict(dict)
        for sample in self._samples():
            mine = values[sample.metric.name]
            added = [sample.value, *sample.buckets]
            former = mine.get(sample.labels, [0.0] * len(added))
            mine[sample.labels] = [a + b for a, b in zip(former, added, strict=True)]
        families = []
        for metric in METRICS:
            found = values.get(metric.name, {})
            if metric.kind is not Kind.GAUGE:
                found = self._rising.raise_all(metric.name, found)
            families.append(_FAMILIES[metric.kind](metric.name, metric.says, metric.labels, found))
        return families

    def _samples(self) -> Iterator[Sample]:
        now = self._clock()
        copy, last = self._place.look(), self._counted
        if last is not None:
            yield Sample(COUNTED_AGE, (), time.monotonic() - last.counted_s)
            yield from samples.of_store(last.found, now)
        readable = self._readable and copy is not None
        yield from samples.of_copy(copy, now.timestamp(), readable=readable)
        if self._copying is not None:
            yield from samples.of_copying(self._copying)
        if self._parts is not None:
            yield from samples.of_parts(self._parts())
        yield from samples.of_disk(self._home.root)

    def refresh(self) -> bool:
        """Counts anew when there is another copy, or a while has passed; False when it can't."""
        try:
            self._count()
        except Exception:  # noqa: BLE001 - told as not readable; whoever counts goes on counting
            self._readable = False
        return self._readable

    def _count(self) -> None:
        copy, last = self._place.look(), self._counted
        now_s = time.monotonic()
        self._readable = self._readable and copy is not None
        if copy and last and last.taken_ns == copy.taken_ns and now_s - last.counted_s < _STANDS_S:
            return
        with self._place.read() as connection:
            found = count(connection, self._began, self._clock(), self._settings)
        self._counted = _Last(copy.taken_ns if copy else 0, now_s, found)
        self._readable = True


class Rising:
    """Keeps counters from falling when rows that they were counted from are removed.

    What comes in between two looks, one of which finds fewer rows, is lost as far as it is less
    than what was removed; nothing is ever counted twice.
    """

    def __init__(self) -> None:
        self._last: dict[Key, list[float]] = {}
        self._lost: dict[Key, list[float]] = {}

    def raise_all(
        self, name: str, found: Mapping[tuple[str, ...], list[float]]
    ) -> dict[tuple[str, ...], list[float]]:
        """The values, none of them below what it was; those that are gone are there still."""
        known = {labels for metric, labels in self._last if metric == name}
        return {
            labels: self._raise((name, labels), found.get(labels))
            for labels in sorted(known | found.keys())
        }

    def _raise(self, key: Key, found: list[float] | None) -> list[float]:
        last = self._last.get(key) or [0.0] * len(found or ())
        now = found or [0.0] * len(last)
        lost = self._lost.setdefault(key, [0.0] * len(last))
        for place, (before, after) in enumerate(zip(last, now, strict=True)):
            lost[place] += max(0.0, before - after)
        self._last[key] = now
        return [a + b for a, b in zip(now, lost, strict=True)]


Found = Mapping[tuple[str, ...], list[float]]


def _gauge(name: str, says: str, labels: tuple[str, ...], found: Found) -> Metric:
    family = GaugeMetricFamily(name, says, labels=labels)
    for words, (value,) in found.items():
        family.add_metric(words, value)
    return family


def _counter(name: str, says: str, labels: tuple[str, ...], found: Found) -> Metric:
    family = CounterMetricFamily(name, says, labels=labels)
    for words, (value,) in found.items():
        family.add_metric(words, value)
    return family


def _histogram(name: str, says: str, labels: tuple[str, ...], found: Found) -> Metric:
    family = HistogramMetricFamily(name, says, labels=labels)
    for words, (total_s, *each) in found.items():
        buckets = list(zip(_EDGES, accumulate(each), strict=True))
        family.add_metric(words, buckets, total_s)
    return family


_FAMILIES = {Kind.GAUGE: _gauge, Kind.COUNTER: _counter, Kind.HISTOGRAM: _histogram}


class _Given(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _rendered(families: list[Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(families))
    return bytes(generate_latest(registry))
