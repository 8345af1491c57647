"""Every link in the pages leads somewhere, and the README names the commands that exist."""

import re
import runpy
from pathlib import Path

import pytest
from store_builders import open_store

ROOT = Path(__file__).parents[1]
PAGES = runpy.run_path(str(ROOT / "docs" / "generate.py"))["PAGES"]
TEXTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == PAGES[name]()


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_store_page_names_every_table(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "store.md").read_text(encoding="utf-8")
    sql = "SELECT table_name FROM information_schema.tables"
    with open_store(tmp_path).read() as connection:
        tables = {row[0] for row in connection.execute(sql).fetchall()}
    assert {"work", "analysis", "media"} <= tables
    assert [name for name in sorted(tables) if f"`{name}`" not in page] == []


def test_the_readme_names_every_command_and_no_other() -> None:
    from supervisor_assets.cli.app import app

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`supervisor-assets ([a-z]+)", text))
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    known |= {group.name for group in app.registered_groups}
    assert named == known
