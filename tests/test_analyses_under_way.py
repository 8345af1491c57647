"""What may happen to a file or a run while an analysis is under way, and what must come of it."""

import errno
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import analysis_parts
import pytest
from analysis_parts import cleaned, results, task, tasks
from ollama_server import Mode, OllamaServer
from pipeline_parts import House, tries

from supervisor_core.keys import IntakeKey
from supervisor_core.model.breaker import Circuit, Phase
from supervisor_core.reasons import Failed, Reason
from supervisor_core.repair import Cause
from supervisor_core.states import Work
from supervisor_core.store import work
from supervisor_core.store.analyses import Analysis
from supervisor_core.store.owners import this_process

server, house = analysis_parts.server, analysis_parts.house


def meanwhile(house: House, tool: str, happens: Callable[[], object]) -> None:
    """Has something happen once, just before a tool does its work."""
    does, left = getattr(house.tools, tool), [happens]

    def doing(*args: object) -> object:
        if left:
            left.pop()()
        return does(*args)

    house.tools = replace(house.tools, **{tool: doing})


def send_back(house: House, key: IntakeKey) -> Callable[[], object]:
    return lambda: House(house.folder, owner="other").pipeline.send_back(key, everything=True)


def profile(house: House, name: str, text: str) -> None:
    folder = house.home.root / "profiles"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(text)


def hold(house: House, key: IntakeKey, owner: str, **changes: object) -> None:
    """Leaves the task as a run that was killed leaves it."""
    (media,) = house.pipeline.summary(key).media
    now = house.clock()
    new = work.Task(media, "analysis/general", created=now, updated=now)
    held = replace(new.taken(owner, now + timedelta(hours=1)), **changes)
    with house.store.write() as connection:
        work.save(connection, [held], now)


def gone() -> str:
    """The owner that a process which has ended was."""
    with subprocess.Popen(["sleep", "0"]) as process:
        process.wait()
    return this_process("dead").replace(f"/{os.getpid()}.", f"/{process.pid}.")


def test_what_is_sent_back_while_it_is_read_is_not_sent_and_does_not_stop_the_others(
    house: House, server: OllamaServer
) -> None:
    key = cleaned(house, "one", "two")
    meanwhile(house, "choose", send_back(house, key))
    report = house.pipeline.analyse(key)
    assert server.asked == []
    assert (report.results, results(house, key)) == (0, [])
    assert {one.lease_owner for one in tasks(house, key)} == {None}
    house.clean(key)
    assert [one.cause for one in house.pipeline.unanalysed()] == [Cause.CAUSE_PASSED]
    assert house.pipeline.analyse(key).results == 2


def test_an_answer_about_a_file_that_was_sent_back_meanwhile_is_not_kept(
    house: House, server: OllamaServer
) -> None:
    key = cleaned(house, "one")
    meanwhile(house, "ask", send_back(house, key))
    report = house.pipeline.analyse(key)
    assert (report.results, report.failed, results(house, key)) == (0, {}, [])
    assert (task(house, key).state, task(house, key).lease_owner) == (Work.QUEUED, None)
    assert tries(house, key)[-1][2:] == ("failed", Reason.NOT_VERIFIED)
    house.clean(key)
    assert house.pipeline.analyse(key).results == 1


def test_a_file_that_needed_no_cleaning_is_not_sent_once_it_needs_some(
    house: House, server: OllamaServer
) -> None:
    profile(house, "open", 'mask = "none"\nanalysis = "general"\n')
    key = house.arrive("one", profile="open")
    house.clean(key)

    def stricter() -> None:
        other = House(house.folder, tools=house.tools, owner="other")
        other.pipeline.mask(other.arrive("one", profile="upload"), "frame_level")

    meanwhile(house, "choose", stricter)
    house.pipeline.analyse(key)
    assert server.asked == []


def test_nothing_uncleaned_goes_through_this_machine_to_another(
    house: House, server: OllamaServer
) -> None:
    house.settings = house.settings.model_copy(
        update={"model": "large-cloud", "model_hosts": "ollama.com"}
    )
    server.models = {"large-cloud": "https://ollama.com:443"}
    profile(house, "open", 'mask = "none"\nanalysis = "general"\n')
    key = house.arrive("one", profile="open")
    house.clean(key)
    assert house.pipeline.analyse(key).blocked == {Reason.MODEL_HOST_FORBIDDEN: 1}
    assert server.asked == []
    assert house.pipeline.analyse(cleaned(house, "two")).results == 1


def test_an_unforeseen_error_ends_the_item_and_is_not_tried_for_ever(house: House) -> None:
    key = cleaned(house, "one")

    def wrong(*_: object) -> object:
        raise ValueError("text from outside")

    house.tools = replace(house.tools, ask=wrong)
    with pytest.raises(ValueError, match="outside"):
        house.pipeline.analyse(key)
    assert (task(house, key).state, task(house, key).reason) == (Work.ERROR, Reason.INTERNAL_ERROR)
    assert house.pipeline.unanalysed() == []


def test_a_full_disk_uses_up_no_try(house: House) -> None:
    key = cleaned(house, "one")
    choose = house.tools.choose

    def full(*_: object) -> object:
        raise OSError(errno.ENOSPC, "full")

    house.tools = replace(house.tools, choose=full)
    for _ in range(2 * house.settings.analysis_tries):
        assert house.pipeline.analyse(key).waiting == {Reason.DISK_FULL: 1}
        assert house.pipeline.unanalysed() == []
        house.clock.turn(31)
    house.tools = replace(house.tools, choose=choose)
    assert house.pipeline.analyse(key).results == 1


def test_a_run_that_was_killed_before_this_machine_was_started_anew_is_followed(
    house: House,
) -> None:
    key = cleaned(house, "one")
    hold(house, key, "run:1@another.1/77.1")
    assert house.pipeline.unanalysed() == []
    house.clock.turn(3601)
    assert [one.intake for one in house.pipeline.unanalysed()] == [key]
    assert house.pipeline.analyse(key).results == 1


def test_an_item_that_ends_its_run_each_time_becomes_a_dead_letter(
    house: House, server: OllamaServer
) -> None:
    key = cleaned(house, "one")
    hold(house, key, gone(), attempts=house.settings.analysis_tries)
    assert house.pipeline.analyse(key).failed == {Reason.WORKER_CRASHED: 1}
    assert (task(house, key).state, task(house, key).lease_owner) == (Work.DEAD, None)
    assert house.pipeline.unanalysed() == []
    assert server.asked == []


def test_while_another_tries_the_model_nobody_begins(house: House) -> None:
    key = cleaned(house, "one")
    guard_row(house, Circuit(Phase.HALF_OPEN, 5, house.clock() + timedelta(60), this_process("t")))
    assert house.pipeline.model_rests() is Reason.BLOCKED_BY_OLLAMA
    meanwhile(house, "choose", lambda: pytest.fail("frames were chosen in vain"))
    assert house.pipeline.analyse(key).blocked == {Reason.BLOCKED_BY_OLLAMA: 1}
    guard_row(house, Circuit(Phase.HALF_OPEN, 5, house.clock() + timedelta(60), gone()))
    assert house.pipeline.model_rests() is None


def guard_row(house: House, circuit: Circuit) -> None:
    from supervisor_core.store import breakers

    settings = house.settings
    with house.store.write() as connection:
        breakers._save(connection, settings.ollama_url, settings.model, circuit, house.clock())


def test_the_rest_of_an_intake_is_left_alone_once_the_circuit_is_open(
    house: House, server: OllamaServer
) -> None:
    key = cleaned(house, *"abcdefgh")
    server.mode = Mode.ERROR_500
    house.pipeline.analyse(key)
    chosen = [one for one in tries(house, key) if one[0] == "analyse"]
    assert len(chosen) == 3
    assert [one.state for one in tasks(house, key)].count(Work.BLOCKED) >= 5


def test_a_broken_profile_does_not_keep_others_from_being_told_why_they_wait(
    house: House,
) -> None:
    profile(house, "odd", 'analysis = "missing"\n')
    odd = house.arrive("one", profile="odd")
    house.clean(odd)
    key = cleaned(house, "two")
    assert house.pipeline.block_analyses([odd, key], Reason.OLLAMA_DOWN) == 2
    assert task(house, key).state is Work.BLOCKED
    with pytest.raises(Failed):
        house.pipeline.analyse(odd)
    causes = {one.intake: one.cause for one in house.pipeline.unanalysed()}
    assert causes == {odd: Cause.UNFINISHED, key: Cause.CAUSE_PASSED}


def test_saying_again_why_items_wait_writes_nothing(house: House) -> None:
    key = cleaned(house, "one", "two")
    assert house.pipeline.block_analyses([key], Reason.OLLAMA_DOWN) == 2
    before = [one.updated for one in tasks(house, key)]
    house.clock.turn(15)
    assert house.pipeline.block_analyses([key], Reason.OLLAMA_DOWN) == 2
    assert [one.updated for one in tasks(house, key)] == before
    assert house.pipeline.block_analyses([key], Reason.MODEL_MISSING) == 2
    assert task_reasons(house, key) == {Reason.MODEL_MISSING}


def task_reasons(house: House, key: IntakeKey) -> set[Reason | None]:
    return {one.reason for one in tasks(house, key)}


@pytest.mark.parametrize("profiles", [("archive", "upload"), ("upload", "archive")])
def test_the_same_content_is_analysed_if_any_of_its_profiles_asks_for_it(
    profiles: tuple[str, str], house: House
) -> None:
    keys = [cleaned_as(house, "one", name) for name in profiles]
    (waiting,) = house.pipeline.unanalysed()
    assert waiting.intake == keys[profiles.index("upload")]
    assert house.pipeline.analyse(waiting.intake).results == 1
    assert house.pipeline.unanalysed() == []


def cleaned_as(house: House, text: str, name: str) -> IntakeKey:
    key = house.arrive(text, profile=name)
    house.clean(key)
    return key


def test_the_same_content_is_analysed_in_every_way_that_its_profiles_ask_for(
    house: House,
) -> None:
    profile(house, "wall", 'analysis = "climbing"\n')
    keys = [cleaned_as(house, "one", name) for name in ("upload", "wall")]
    assert sorted(one.intake for one in house.pipeline.unanalysed()) == sorted(keys)
    for key in keys:
        house.pipeline.analyse(key)
    assert {one.profile for one in results(house, keys[0])} == {"general", "climbing"}
    assert house.pipeline.unanalysed() == []


def test_a_file_that_needs_no_cleaning_any_more_is_analysed_once_more_and_no_more(
    house: House,
) -> None:
    profile(house, "open", 'analysis = "general"\n')
    key = cleaned_as(house, "one", "open")
    house.pipeline.analyse(key)
    profile(house, "open", 'mask = "none"\nanalysis = "general"\n')
    house.clean(key)
    assert [one.intake for one in house.pipeline.unanalysed()] == [key]
    assert house.pipeline.analyse(key).results == 1
    assert house.pipeline.unanalysed() == []


def test_nothing_of_a_result_that_could_not_be_written_stays_in_hand(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = cleaned(house, "one")

    def busy(*_: object) -> None:
        raise Failed(Reason.STORE_BUSY)

    with monkeypatch.context() as broken:
        broken.setattr("supervisor_core.pipeline.analysing.analyses.save", busy)
        with pytest.raises(Failed) as caught:
            house.pipeline.analyse(key)
    assert caught.value.reason is Reason.STORE_BUSY
    assert house.files("work") == []
    assert house.pipeline.analyse(key).results == 1
    assert json.loads(_only(results(house, key)).result)


def _only(found: list[Analysis]) -> Analysis:
    (one,) = found
    return one
