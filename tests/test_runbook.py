"""Whoever is on call finds every reason and check in the runbook, and nothing in it that is not."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from command import run
from store_builders import open_store

from supervisor_assets.cli.app import app
from supervisor_assets.definitions import definitions_for
from supervisor_core.notify.message import NO_REASON
from supervisor_core.reasons import Reason
from supervisor_core.runbook.entries import Entry, Topic, entries, explained, find
from supervisor_core.settings import Settings

ALL = list(entries().values())
WORDS = ["sentence", "symptom", "cause", "next_step", "command"]
OURS = re.compile(r"supervisor-assets ((?:[^.`;\n]|\.(?=\w))+)")


def texts(entry: Entry) -> Iterator[str]:
    yield from (getattr(entry, word) for word in WORDS)


def test_every_reason_and_every_check_has_an_entry_and_nothing_else_has() -> None:
    graph = definitions_for("").get_repository_def().asset_graph
    checks = {key.name for key in graph.asset_check_keys}
    assert set(entries()) == set(Reason) | checks | {NO_REASON, "STALE"}
    assert {one.name for one in ALL if one.topic is not Topic.CHECKS} == set(Reason)


@pytest.mark.parametrize("word", ["symptom", "cause"])
def test_no_two_entries_say_the_same(word: str) -> None:
    said = [getattr(entry, word) for entry in ALL]
    assert {one for one in said if said.count(one) > 1} == set()


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: entry.name)
def test_what_an_entry_names_exists(entry: Entry) -> None:
    known = {f"SUPERVISOR_{name.upper()}" for name in Settings.model_fields}
    for text in texts(entry):
        for name in re.findall(r"SUPERVISOR_[A-Z0-9_]+[A-Z0-9]", text):
            assert name in known or any(one.startswith(f"{name}_") for one in known), name
        for code in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text):
            assert code in entries(), code
        for path in re.findall(r"docs/\w+\.md", text):
            assert Path(path).exists()
        for command in OURS.findall(text):
            check_command(command)


def check_command(command: str) -> None:
    """The command and its options are those of the program's own help."""
    known = typer.main.get_command(app)
    words = shlex.split(command.replace("'", "\\'") if command.count("'") % 2 else command)
    while words and words[0] in getattr(known, "commands", {}):
        known = known.commands[words.pop(0)]  # type: ignore[attr-defined]
    assert known.name != app.info.name, command
    options = {flag for parameter in known.params for flag in parameter.opts} | {"--help"}
    assert {word.rstrip(",:") for word in words if word.startswith("--")} <= options, command


def test_every_question_to_the_store_can_be_asked(tmp_path: Path) -> None:
    asked = [shlex.split(entry.command)[-1] for entry in ALL if " sql " in entry.command]
    assert asked
    with open_store(tmp_path).read() as connection:
        for query in asked:
            connection.execute(query).fetchall()


def test_an_entry_is_found_however_it_is_written() -> None:
    assert find(" disk-full ") is find("DISK_FULL") is entries()["DISK_FULL"]
    assert find("Anonymized") is entries()["anonymized"]
    assert find("nothing") is None
    assert explained("nothing") is None


def test_one_entry_is_printed(tmp_path: Path) -> None:
    ran = run("explain", "store_busy", home=tmp_path)
    assert ran.code == 0
    for text in texts(entries()["STORE_BUSY"]):
        assert text in ran.out
    assert "docs/runbook.md#store_busy" in ran.out


def test_one_entry_is_printed_as_json(tmp_path: Path) -> None:
    told = run("explain", "anonymized", "--json", home=tmp_path).json
    assert told["class"] is None
    assert told["command"] == "supervisor-assets status INTAKE"


def test_without_a_name_all_are_listed(tmp_path: Path) -> None:
    told = run("explain", "--json", home=tmp_path).json
    assert [one["name"] for one in told] == list(entries())


def test_an_unknown_name_is_said_with_what_it_resembles(tmp_path: Path) -> None:
    ran = run("explain", "DISC_FULL", home=tmp_path)
    assert ran.code == 2
    assert "DISK_FULL" in ran.err


def test_a_failing_command_says_what_explains_it(tmp_path: Path) -> None:
    assert "More: supervisor-assets explain NO_STORE" in run("status", home=tmp_path).err
