"""The README and the pages say only what is there: targets, options, exit codes, examples."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from supervisor_assets.cli.app import app
from supervisor_assets.cli.codes import Code
from supervisor_core.cleaning.device_masks import load_mask
from supervisor_core.media.kinds import Container
from supervisor_core.media.policy import SHIPPED, AudioPolicy, MaskPolicy, load_profile

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
PROFILES = (ROOT / "docs" / "profiles.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]


def named(page: Path) -> list[tuple[str, list[str]]]:
    """Every command that a page names, with its options."""
    found = re.findall(r"supervisor-assets ([a-z]+)([^`|\n]*)", page.read_text("utf-8"))
    return [(name, re.findall(r"--[a-z-]+", rest)) for name, rest in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_that_is_named_exists(page: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name, options in named(page):
        assert name in commands
        assert set(options) <= set(flags_of(commands[name])) | {"--help"}


def flags_of(command: Any) -> Iterator[str]:
    """The options of a command and of those below it."""
    for parameter in command.params:
        yield from parameter.opts
    for one in getattr(command, "commands", {}).values():
        yield from flags_of(one)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", MAKEFILE, re.MULTILINE))
    for line in re.findall(r"`(?:[^`]*)`|^make .*$", page.read_text("utf-8"), re.MULTILINE):
        assert set(re.findall(r"\bmake ([a-z0-9]+)", line)) <= targets


def test_make_test_is_the_test_command() -> None:
    assert "make test" in README
    recipe = re.search(r"^test:.*\n\t(.*)$", MAKEFILE, re.MULTILINE)
    assert recipe
    assert recipe[1].startswith("$(BIN)/python -m pytest")


def test_all_exit_codes_are_told() -> None:
    line = next(line for line in README.splitlines() if line.startswith("Exit codes:"))
    assert set(map(int, re.findall(r"(?<![\w`])\d+(?= )", line))) == {code.value for code in Code}


def test_tests_that_are_named_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"tests/[\w*]+\.py", page.read_text("utf-8")):
            assert list(ROOT.glob(name)), name


def test_the_profile_page_names_what_a_profile_may_say(tmp_path: Path) -> None:
    containers = re.search(r"`containers` \| list of `([^`]+)`", PROFILES)
    assert containers
    assert containers[1].split() == [container.value for container in Container]
    for value in (*MaskPolicy, *AudioPolicy):
        assert f"`{value.value}`" in PROFILES
    keys = re.findall(r"^\| `([a-z_]+)` \|", PROFILES, re.MULTILINE)
    shipped = {key for path in SHIPPED.glob("*.toml") for key in tomllib.loads(path.read_text())}
    assert shipped <= set(keys)
    example = 'max_bytes = 1\nmax_seconds = 1\ncodecs = ["h264", "hevc"]\ncontainers = ["mp4"]\n'
    example += 'mask = "none"\ndevice = "d"\naudio = "keep"\nanalysis = "general"\nkind = "sport"\n'
    example += 'fingerprints = true\nenrich = ["caption"]\n'
    (tmp_path / "mine.toml").write_text(example)
    assert load_profile("mine", tmp_path).mask is MaskPolicy.NONE
    assert set(keys) == set(tomllib.loads((tmp_path / "mine.toml").read_text()))


def test_the_example_of_a_device_mask_is_one(tmp_path: Path) -> None:
    example = re.search(r"```json\n(.*?)```", PROFILES, re.DOTALL)
    assert example
    (tmp_path / "my_tower.json").write_text(example[1])
    assert load_mask("my_tower", tmp_path).device == json.loads(example[1])["device"]
