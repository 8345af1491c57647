"""The closed list of reasons: everything in the table is a member, and each says what to do."""

import pickle
from pathlib import Path

import pytest

from supervisor_core import reasons
from supervisor_core.reasons import Class, Failed, Reason


def test_the_table_and_the_enum_hold_the_same_codes() -> None:
    assert {reason.value for reason in Reason} == set(reasons._table())


@pytest.mark.parametrize("reason", Reason)
def test_each_is_a_sentence_and_a_next_step(reason: Reason) -> None:
    assert reason.sentence.endswith(".")
    assert reason.next_step
    assert reason.transient == (reason.class_ is Class.TRANSIENT)


def test_a_failure_survives_the_way_to_another_process() -> None:
    failed = pickle.loads(pickle.dumps(Failed(Reason.OLLAMA_DOWN, status=503)))
    assert failed.reason is Reason.OLLAMA_DOWN
    assert str(failed) == "OLLAMA_DOWN: The model server does not answer. (status=503)"


def test_no_reason_is_there_that_nothing_gives() -> None:
    root = Path(reasons.__file__).parents[1]
    folders = ("supervisor_core", "resources", "supervisor_assets", "sensors", "gallery")
    code = "".join(path.read_text() for name in folders for path in (root / name).rglob("*.py"))
    assert [one for one in Reason if f"Reason.{one.name}" not in code] == []
