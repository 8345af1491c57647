"""What is shipped for Prometheus and Grafana fits what `/metrics` tells, and the asset checks."""

import json
import operator
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from supervisor_assets.cli import health
from supervisor_assets.running import publishing, restarts
from supervisor_core.metrics import samples
from supervisor_core.metrics.catalogue import METRICS, Kind
from supervisor_core.metrics.samples import Sample
from supervisor_core.sessions import stuck
from supervisor_core.settings import Settings
from supervisor_core.store import service
from supervisor_core.store.rates import FIGURES, Figure, Measured, Unit, Verdict

ROOT = Path(__file__).parents[1]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((PROMETHEUS / "rules.yml").read_text("utf-8"))["groups"]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "supervisor.json").read_text("utf-8"))
PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")
ALL_RULES = {rule["alert"]: rule for group in RULES for rule in group["rules"]}
NAMES = {one.name: one for one in METRICS if one.kind is not Kind.HISTOGRAM}
NAMES |= {
    f"{one.name}_{part}": one
    for one in METRICS
    if one.kind is Kind.HISTOGRAM
    for part in ("bucket", "sum", "count")
}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> Iterable[str]:
    return (target["expr"] for panel in panels() for target in panel["targets"])


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\bsupervisor_\w+", text))


@pytest.mark.parametrize("text", [*queries(), *(rule["expr"] for rule in ALL_RULES.values())])
def test_a_query_names_only_metrics_and_labels_that_exist(text: str) -> None:
    assert names_in(text) <= NAMES.keys()
    for name, chosen in re.findall(r"(supervisor_\w+)\{([^}]*)\}", text):
        assert set(re.findall(r"(\w+)(?:=|!)", chosen)) <= set(NAMES[name].labels)
    known = {label for name in names_in(text) for label in NAMES[name].labels} | {"le"}
    for grouped in re.findall(r"\b(?:by|on|ignoring) \(([^)]*)\)", text):
        assert set(grouped.split(", ")) <= known | {"job", "instance"}
    assert text.count("(") == text.count(")")


def test_the_dashboard_shows_every_metric() -> None:
    shown = {NAMES[name].name for query in queries() for name in names_in(query)}
    assert {one.name for one in METRICS} - shown == {"supervisor_figure_window_seconds"}


def test_the_dashboard_is_one() -> None:
    assert DASHBOARD["uid"] == "supervisor"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    places = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in places
                places.add((x, y))
    for panel in panels():
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@pytest.mark.parametrize("one", METRICS, ids=lambda one: one.name)
def test_the_page_explains_every_metric(one: Any) -> None:
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{one.name}`")]
    for label in one.labels:
        assert f"`{label}`" in line


def test_the_page_explains_every_alert() -> None:
    named = set(re.findall(r"`(Supervisor\w+)`", PAGE))
    assert named == ALL_RULES.keys()
    assert names_in(PAGE) <= NAMES.keys() | {one.name for one in METRICS}


def test_every_alert_says_how_bad_it_is_and_what_it_is() -> None:
    for rule in ALL_RULES.values():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]


def limit_of(alert: str) -> float:
    """The first number that a rule compares with."""
    found = re.search(r"(?:>=|>|<) ([\d.]+)(?: |$)", ALL_RULES[alert]["expr"])
    assert found
    return float(found[1])


def test_numbers_in_the_rules_are_those_of_the_code() -> None:
    assert limit_of("SupervisorCopyOld") == publishing.LATE_S
    assert limit_of("SupervisorCanaryOverdue") == service.OVERDUE * health.EVERY_S
    assert limit_of("SupervisorPartKeepsEnding") == restarts.MANY
    assert limit_of("SupervisorRecorderSilent") == stuck.SILENT_S
    assert limit_of("SupervisorRecordingStuck") == stuck.SILENT_S
    assert f"{stuck._FACTOR} * supervisor" in ALL_RULES["SupervisorRecordingStuck"]["expr"]


FIGURE_RULES = {rule["alert"]: rule for rule in RULES[0]["rules"]}
COMPARED = re.compile(
    r"(\w+)(?: / (\w+))? (>=|<=|>|<) (?:ignoring \(severity\) )?(\w+)(?:{severity=\"(\w+)\"})?"
)
SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def fires(rule: dict[str, Any], told: Iterable[Sample]) -> bool:
    """What Prometheus would say to the samples of one figure: rules of this form only."""
    values = {(one.metric.name, one.labels[1:]): one.value for one in told}
    for comparison in " ".join(rule["expr"].split()).split(" and "):
        match = COMPARED.fullmatch(comparison)
        assert match, comparison
        above, below, sign, limit, severity = match.groups()
        sides = [values.get((name, ())) for name in (above, below) if name]
        sides.append(values.get((limit, (severity,) if severity else ())))
        if None in sides or (below and not sides[1]):
            return False
        value = sides[0] / sides[1] if below else sides[0]
        if not SIGNS[sign](value, sides[-1]):
            return False
    return True


def measured(figure: Figure, value: float, whole: int) -> Measured:
    settings = Settings()
    share, minimum = figure.unit is Unit.SHARE, settings.rate_minimum
    return Measured(
        figure=figure,
        value=value,
        part=None if figure.unit is Unit.SECONDS else round(value * whole if share else value),
        whole=whole,
        window_s=1.0,
        warn=getattr(settings, f"{figure.name}_warn"),
        error=getattr(settings, f"{figure.name}_error"),
        minimum=0 if figure.unit is Unit.COUNT else minimum,
    )


def cases(figure: Figure) -> Iterable[Measured]:
    """Values at, right below and right above both limits, with many cases and with too few."""
    given = measured(figure, 0.0, 10_000)
    step = 0.001 if figure.unit is Unit.SHARE else 1.0
    for limit in (given.warn, given.error):
        for value in (limit - step, limit, limit + step):
            yield measured(figure, value, 10_000)
            yield measured(figure, value, 2)
    yield replace(measured(figure, 0.0, 0), value=None)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda one: one.name)
def test_an_alert_fires_exactly_when_the_check_fails(figure: Figure) -> None:
    seen = set()
    for one in cases(figure):
        told = list(samples._figure(one))
        firing = [rule["labels"]["severity"] for rule in FIGURE_RULES.values() if fires(rule, told)]
        expected = {
            Verdict.ERROR: ["warning", "critical"],
            Verdict.WARN: ["warning"],
        }.get(one.verdict, [])
        assert sorted(firing) == sorted(expected), one
        seen.add(one.verdict)
    assert seen >= {Verdict.GOOD, Verdict.WARN, Verdict.ERROR}


def test_promtool_takes_the_rules_and_the_example() -> None:
    promtool = shutil.which("promtool") or pytest.skip("no promtool on this machine")
    for command in (["rules", "rules.yml"], ["config", "prometheus.yml"]):
        checked = subprocess.run(
            [promtool, "check", *command], cwd=PROMETHEUS, capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stderr


def test_the_example_asks_where_the_metrics_are() -> None:
    example = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
    (job,) = example["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("supervisor", health.METRICS_PATH)
    assert 'up{job="supervisor"}' in ALL_RULES["SupervisorDown"]["expr"]
    assert [PROMETHEUS / name for name in example["rule_files"]] == [PROMETHEUS / "rules.yml"]
