"""Enrichment with real processes and files: what crashes, what is killed, and films."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import enrichment_parts
import numpy as np
import pytest
from enrichment_parts import PROFILE, draw, media_of, put, result, run, shelf, task
from media_builders import arrow, write_video
from ollama_server import Mode, OllamaServer

from supervisor_core.deadline import Worker
from supervisor_core.model import together
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import enrichments, work

server = enrichment_parts.server
TESTS = Path(__file__).parent


def crashes_on_wide(terms: together.Terms, questions: list[together.Asked]) -> list[together.Reply]:
    """Asks, but dies where a picture is wide: as a decoder that meets what it can't bear."""
    from PIL import Image

    for one in questions:
        if one.sight is not None:
            with Image.open(one.sight.path) as picture:
                if picture.width > 150:
                    os.kill(os.getpid(), signal.SIGKILL)
    return together.ask_together(terms, questions)


@pytest.mark.campaign
def test_what_kills_its_decoder_ends_alone(tmp_path: Path, server: OllamaServer) -> None:
    with Worker(grace_s=0.1, preload=("cv2", "ollama")) as worker:
        house = shelf(tmp_path, server.url, "caption", worker=worker, model_tries=1, enrich_tries=1)
        house.tools = replace(house.tools, ask_together=crashes_on_wide)
        with house.store.write() as connection:
            connection.execute(
                "INSERT INTO model_window VALUES (?, ?, 4, 0.1, now())",
                [f"http://127.0.0.1:{server.port}", enrichment_parts.MODEL],
            )
        for number in range(3):
            draw(house.home.inbox / f"{number}.png", number, (200, 60) if number == 1 else (90, 60))
        files = [house.see(f"{number}.png") for number in range(3)]
        key = house.record(*files, profile=PROFILE)
        house.pipeline.import_items(key)
        house.pipeline.mask(key, "frame_level")
        report = run(house, key, "caption")["caption"]
    assert (report.done, report.failed) == (2, {Reason.WORKER_CRASHED: 1})


_RUN = """
import sys
from pathlib import Path
from enrichment_parts import run, shelf
from supervisor_core.keys import IntakeKey
house = shelf(Path(sys.argv[1]), sys.argv[2], "caption", enrich_tries=2, model_total_s=60.0,
    model_read_s=60.0)
print("ready", flush=True)
run(house, IntakeKey(sys.argv[3]), "caption")
"""


@pytest.mark.campaign
def test_a_run_that_is_killed_has_used_a_try_and_the_next_one_goes_on(
    tmp_path: Path, server: OllamaServer
) -> None:
    house = shelf(tmp_path, server.url, "caption", enrich_tries=2)
    key = put(house, 1)
    (media,) = media_of(house, key)
    server.mode = Mode.SILENT
    for tries in (1, 2):
        asked = len(server.asked)
        with subprocess.Popen(
            [sys.executable, "-c", _RUN, str(tmp_path), server.url, key],
            cwd=TESTS,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}"},
        ) as process:
            while len(server.asked) == asked:
                assert process.poll() is None
                server.stopping.wait(0.02)
            process.send_signal(signal.SIGKILL)
        found = task(house, media, "caption")
        assert found is not None
        assert (found.state, found.attempts) == (Work.RUNNING, tries)
    server.mode = Mode.OK
    run(house, key, "caption")
    found = task(house, media, "caption")
    assert found is not None
    assert (found.state, found.reason) == (Work.DEAD, Reason.WORKER_CRASHED)


def test_a_film_is_shown_in_a_few_frames_which_are_told(
    tmp_path: Path, server: OllamaServer
) -> None:
    house = shelf(tmp_path, server.url)
    shades = [np.roll(arrow(), 3 * number, 1) // 2 + 2 * number for number in range(48)]
    write_video(house.home.inbox / "film.mp4", [one.astype(np.uint8) for one in shades])
    key = house.record(house.see("film.mp4"), profile=PROFILE)
    house.pipeline.import_items(key)
    house.pipeline.mask(key, "frame_level")
    (media,) = media_of(house, key)
    reports = run(house, key)
    assert reports["caption"].done == 1
    (asked,) = [one for one in server.asked if "`caption`" in one.prompt]
    assert len(asked.pictures) == 3
    found = result(house, media, "caption")
    assert found is not None
    assert [one["sha256"] for one in found.frames] == [one.sha256 for one in asked.pictures]
    times = [one["time_s"] for one in found.frames]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1]


@pytest.mark.campaign
def test_a_server_that_goes_and_comes_leaves_nothing_undone_or_done_twice(
    tmp_path: Path, server: OllamaServer, shared_data: Path
) -> None:
    house = shelf(tmp_path, server.url, enrich_tries=9, breaker_failures=3, breaker_open_s=5.0)
    pictures = sorted((shared_data / "images").rglob("*.jpg"))[:3]
    for path in pictures:
        (house.home.inbox / path.name).write_bytes(path.read_bytes())
    key = house.record(*(house.see(path.name) for path in pictures), profile=PROFILE)
    house.pipeline.import_items(key)
    house.pipeline.mask(key, "frame_level")
    count = 0

    def answer(one: object) -> object:
        nonlocal count
        count += 1
        if count == 5:
            server.restart()
        return None

    server.answer = lambda one: answer(one) or enrichment_parts.fill(one.format)
    for _ in range(4):
        run(house, key)
        house.clock.turn(40)
        server.stopping.wait(server.down_s / 2)
    media = media_of(house, key)
    with house.store.read() as connection:
        found = enrichments.current(connection, media)
        states = work.counts(connection)
    ended = {"done", "degraded", "abstained"}
    assert {state.value for name, state, _, _ in states if name.startswith("enrichment")} <= ended
    made = [one for one in found.values() if one.model and one.mode != "embed"]
    assert len(made) == 5 * len(media)
    with house.store.read() as connection:
        each = "count(*), count(DISTINCT key || mode || media)"
        rows = connection.execute(f"SELECT {each} FROM enrichment")
        assert len(set(rows.fetchone() or ())) == 1


@pytest.fixture(autouse=True)
def nothing_is_kept() -> None:
    """What was decoded in an earlier test stands for files that are gone."""
    together._kept = together._Kept()
