"""The command line as a whole: every command and option explains itself, and errors are plain."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from command import COMMAND, run
from typer.testing import CliRunner

from supervisor_assets.cli import say
from supervisor_assets.cli.app import app
from supervisor_assets.cli.codes import MEANING, Code, code_of
from supervisor_assets.cli.edge import as_failed
from supervisor_assets.cli.say import shown
from supervisor_core.reasons import Reason

ROOT = Path(__file__).parents[1]
ALL = {
    "alert",
    "analyses",
    "backfill",
    "backup",
    "clean",
    "consistency",
    "demo",
    "doctor",
    "duplicates",
    "edit",
    "enrich",
    "enrichments",
    "explain",
    "gallery",
    "health",
    "ingest",
    "record",
    "recordings",
    "prompts",
    "missing",
    "prune",
    "restore",
    "retry",
    "scan",
    "sql",
    "status",
    "trace",
    "up",
    "upscale",
}


def commands(group: Any = None, words: str = "") -> Iterator[tuple[str, Any]]:
    group = group or typer.main.get_command(app)
    yield words, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, f"{words} {name}".strip())


def test_the_commands_are_those_that_are_documented() -> None:
    assert {name.partition(" ")[0] for name, _ in commands() if name} == ALL


def test_every_command_and_option_has_help() -> None:
    for name, command in commands():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_everything_that_prints_data_also_prints_json() -> None:
    for name, command in commands():
        flags = {flag for parameter in command.params for flag in parameter.opts}
        prints = name != "up" and not hasattr(command, "commands")
        assert ("--json" in flags) == prints, name


@pytest.mark.parametrize("name", sorted(ALL))
def test_help_is_printed(name: str) -> None:
    ran = CliRunner().invoke(app, [name, "--help"])
    assert ran.exit_code == 0
    assert "Usage:" in ran.output


def test_all_exit_codes_are_in_the_help(tmp_path: Path) -> None:
    words = " ".join(run("--help", home=tmp_path, COLUMNS="200").out.split())
    assert set(MEANING) == set(Code)
    for code, meaning in MEANING.items():
        assert f"{code.value} {meaning.split(':')[0]}" in words


def test_version(tmp_path: Path) -> None:
    assert run("--version", home=tmp_path).out.strip()[0].isdigit()


@pytest.mark.parametrize(
    "arguments", [["nosuch"], ["clean"], ["ingest"], ["status", "--limit", "0"], ["--nosuch"]]
)
def test_wrong_arguments_are_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    ran = run(*arguments, home=tmp_path)
    assert ran.code == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_no_color_is_honoured(tmp_path: Path) -> None:
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    coloured = run("--help", home=tmp_path, **terminal)
    plain = run("--help", home=tmp_path, **terminal, NO_COLOR="1")
    colour = re.compile(r"\x1b\[[0-9;]*3[0-9]m")
    assert colour.search(coloured.out)
    assert not colour.search(plain.out)


def test_a_missing_dependency_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "typer").mkdir()
    (tmp_path / "typer" / "__init__.py").write_text("raise ImportError(name='typer')\n")
    ran = run("doctor", home=tmp_path, PYTHONPATH=str(tmp_path))
    assert ran.code == 5
    assert ran.err.startswith("DEPENDENCY_MISSING: ")
    assert "typer" in ran.err
    assert "Traceback" not in ran.err


def test_a_dependency_that_only_a_command_needs_is_said_too(tmp_path: Path) -> None:
    (tmp_path / "duckdb.py").write_text("raise ModuleNotFoundError(name='duckdb')\n")
    ran = run("sql", "SELECT 1", "--json", home=tmp_path, PYTHONPATH=str(tmp_path))
    assert (ran.code, ran.json["reason"]) == (5, "DEPENDENCY_MISSING")


def test_every_reason_has_an_exit_code_that_says_no() -> None:
    assert all(code_of(reason) is not Code.OK for reason in Reason)


def test_no_text_of_a_library_reaches_the_user() -> None:
    for error in (ValueError("Erika"), OSError(5, "Erika"), KeyError("Erika")):
        with pytest.raises(type(error)) as caught:
            raise error
        assert "Erika" not in str(as_failed(caught.value))


def test_what_can_not_be_printed_is_escaped() -> None:
    name = os.fsdecode(b"a\xff\n\x1b[31m\xc3\xbc")
    assert shown(name) == "a\\udcff\\n\\x1b[31mü"


@pytest.mark.campaign
def test_a_reader_that_goes_away_is_no_mistake(tmp_path: Path) -> None:
    script = f"{COMMAND} doctor --json | head -c 1"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=os.environ, cwd=tmp_path
    )
    assert "Traceback" not in done.stderr
    assert "INTERNAL_ERROR" not in done.stderr


def test_it_runs_as_a_module_too() -> None:
    command = [sys.executable, "-m", "supervisor_assets.cli", "--version"]
    assert subprocess.run(command, capture_output=True, check=True).stdout


def test_json_survives_any_name(capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"a\xff\nb")
    say.data_json({"file": name})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"file": name}
