"""The operator's pages name what there is: checks, settings, headings, reasons."""

import re
from pathlib import Path

import pytest

from supervisor_assets.definitions import definitions_for
from supervisor_core.runbook.entries import entries
from supervisor_core.settings import Settings

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
OURS = [DOCS / name for name in ("operate.md", "extend.md", "security.md", "runbook.md")]
LINK = re.compile(r"\]\((?!https?:)([\w.-]*\.md)?#([^)]+)\)")


def anchors(page: Path) -> set[str]:
    """The places of a page, as they are made of its headings."""
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_place_that_is_linked_exists(page: Path) -> None:
    for name, place in LINK.findall(page.read_text("utf-8")):
        target = DOCS / name if name else page
        assert place in anchors(target), f"{target.name}#{place}"


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.name)
def test_every_setting_and_reason_that_is_named_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    known = {f"SUPERVISOR_{name.upper()}" for name in Settings.model_fields}
    for name in re.findall(r"SUPERVISOR_[A-Z0-9_]+[A-Z0-9]", text):
        assert name in known or any(one.startswith(f"{name}_") for one in known), name
    for code in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text):
        assert code in entries() or code in known, code


def test_the_manual_says_of_every_check_whether_it_wakes_somebody() -> None:
    text = (DOCS / "operate.md").read_text("utf-8")
    told = text.split("## What an alert means")[1].split("\n## ")[0]
    checks = {
        key.name for key in definitions_for("").get_repository_def().asset_graph.asset_check_keys
    }
    assert [name for name in sorted(checks) if f"`{name}`" not in told] == []
