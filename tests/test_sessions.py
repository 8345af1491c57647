"""Recording sessions over a real store, real streams and real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hls_server import GROUP, Live, counting
from session_parts import STREAM, Studio, configure, left_of, whole
from session_parts import studio as studio

from supervisor_core.keys import RECORDING_SOURCE, IntakeKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.sessions.account import account_of
from supervisor_core.sessions.beginning import begin, streams
from supervisor_core.sessions.stuck import SILENT_S, Found, due, interrupt, look, why_stuck
from supervisor_core.states import Arrival
from supervisor_core.states import Recording as State
from supervisor_core.store import Store, arrivals, recordings, segments
from supervisor_core.store.owners import this_process
from supervisor_core.store.recordings import Asked
from supervisor_core.store.requests import Verb, open_requests
from supervisor_core.store.segments import SegmentRow

GROUPS = 12


def test_a_session_is_recorded_joined_and_handed_over(studio: Studio) -> None:
    with Live(counting(GROUPS * GROUP), step=4).open() as live:
        configure(studio.home.root, live)
        key = studio.begin()
        work = studio.pipeline()
        assert work.record(key).state is State.RECORDED
    frames = whole(studio.numbers(key), GROUPS)
    (file,) = work.join_recording(key)
    (file,) = work.validate_recording(key)
    assert file.proven
    assert file.joined is not None
    assert file.frames == frames
    account = work.hand_over_recording(key)
    assert account.session.state is State.HANDED_OVER
    with studio.store.read() as connection:
        (wish,) = open_requests(connection, 10)
    assert (wish.verb, wish.subject) == (Verb.INGEST, key)
    assert account.coverage == 1.0
    assert not account.gaps
    assert left_of(studio, key) == [studio.home.absolute(account.segments[-1].path)]
    with studio.store.read() as connection:
        header = arrivals.find_intake(connection, key)
        (arrival,) = arrivals.arrivals_of(connection, key)
    assert header is not None
    assert (header.source, header.profile) == (RECORDING_SOURCE, "archive")
    assert arrival.state is Arrival.SEEN
    assert work.import_items(key).imported == 1
    assert not list((studio.home.recordings / key).rglob("*.mp4"))


@pytest.mark.campaign
def test_each_step_may_be_made_again(studio: Studio) -> None:
    with Live(counting(GROUPS * GROUP), step=4).open() as live:
        configure(studio.home.root, live)
        key = studio.begin()
        work = studio.pipeline()
        for _ in range(2):
            work.record(key)
            work.join_recording(key)
            work.join_recording(key)
            files = work.validate_recording(key)
            work.hand_over_recording(key)
        work.import_items(key)
        assert work.hand_over_recording(key).files == files
    with studio.store.read() as connection:
        assert len(arrivals.arrivals_of(connection, key)) == 1


def test_only_one_session_of_a_stream_is_open(studio: Studio) -> None:
    with Live(counting(GROUP)).open() as live:
        configure(studio.home.root, live)
        first = studio.begin()
        stream = streams(studio.home, studio.settings)[STREAM]
        assert begin(studio.store, STREAM, stream) is None
        studio.pipeline().record(first)
        second = begin(studio.store, STREAM, stream)
    assert second not in (None, first)


def test_a_recorder_that_is_killed_is_followed_without_a_loss(studio: Studio) -> None:
    """What was written stays, what the playlist still holds comes again, and a gap is listed."""
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, 'tests')\n"
        "from session_parts import Studio\n"
        "Studio(Path(sys.argv[1])).pipeline('killed').record(sys.argv[2])"
    )
    with Live(counting(40 * GROUP), ends=True, step=0, published=3).open() as live:
        configure(studio.home.root, live, groups=4)
        key = studio.begin()
        recorder = subprocess.Popen(
            [sys.executable, "-c", script, str(studio.folder), key],
            cwd=Path(__file__).parents[1],
        )
        live.step = 4
        live.wait_for(lambda: live.count("/15.ts") > 0)
        until(lambda: studio.session(key).moved)
        recorder.kill()
        recorder.wait()
        (found,) = look(studio.store, studio.home)
        assert found.session.state is State.RUNNING
        assert why_stuck(found, studio.store.now()) is Reason.RECORDER_DIED
        assert interrupt(studio.store, found.session, Reason.RECORDER_DIED)
        assert studio.session(key).state is State.INTERRUPTED
        assert studio.pipeline().record(key).state is State.RECORDED
    studio.pipeline().join_recording(key)  # lists what the killed one had closed and not told
    whole(studio.numbers(key), 40)
    with studio.store.read() as connection:
        (gap,) = account_of(connection, key).gaps
    assert gap.reason is Reason.RECORDER_DIED
    assert gap.missing_s == 0


def until(look: Callable[[], object], limit_s: float = 30.0) -> None:
    end_s = time.monotonic() + limit_s
    while not look():
        assert time.monotonic() < end_s, "it did not come to that"
        time.sleep(0.02)


def segments_of(studio: Studio, key: IntakeKey) -> list[SegmentRow]:
    with studio.store.read() as connection:
        return segments.segments_of(connection, key)


@pytest.mark.campaign
def test_a_person_may_cut_and_stop(studio: Studio) -> None:
    with Live(counting(400 * GROUP), window=10).open() as live:
        configure(studio.home.root, live, groups=10_000)
        key = studio.begin()
        done: list[State] = []
        thread = threading.Thread(target=lambda: done.append(studio.pipeline().record(key).state))
        thread.start()
        until(lambda: studio.session(key).moved)
        ask(studio, key, Asked.CUT)
        until(lambda: len(segments_of(studio, key)) == 1)
        ask(studio, key, Asked.STOP)
        thread.join(30)
    assert done == [State.RECORDED]
    assert studio.session(key).reason is Reason.CANCELLED
    numbers = studio.numbers(key)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(segments_of(studio, key)) == 2


def ask(studio: Studio, key: IntakeKey, asked: Asked) -> None:
    with studio.store.write() as connection:
        assert recordings.ask(connection, key, asked)


def test_a_living_owner_keeps_a_session(studio: Studio) -> None:
    with Live(counting(GROUP)).open() as live:
        configure(studio.home.root, live)
        key = studio.begin()
        now = studio.store.now()
        with studio.store.write() as connection:
            found = recordings.require(connection, key)
            recordings.save(connection, [found.taken(this_process("other"), now)], now)
        with pytest.raises(Failed) as raised:
            studio.pipeline().record(key)
    assert raised.value.reason is Reason.ITEM_BUSY


@pytest.mark.campaign
def test_a_stream_that_was_never_there_fails(studio: Studio) -> None:
    with Live(counting(GROUP), status=404).open() as live:
        configure(studio.home.root, live)
        key = studio.begin()
        session = studio.pipeline().record(key)
    assert (session.state, session.reason) == (State.FAILED, Reason.STREAM_NOT_FOUND)


def put(studio: Studio, key: IntakeKey, **changes: object) -> None:
    """Changes what the store says of a session."""
    with studio.store.write() as connection:
        found = recordings.require(connection, key)
        recordings.save(connection, [replace(found, **changes)], studio.store.now())  # type: ignore[arg-type]


def leave_a_segment(studio: Studio, key: IntakeKey, live: Live) -> None:
    """A recorder was killed after it had closed a segment, and before it could tell."""
    folder = studio.home.recordings / key
    folder.mkdir()
    (folder / f"{key}_000001.ts").write_bytes(live.segments[0])


def test_a_session_lacks_the_time_in_which_nobody_recorded_it(studio: Studio) -> None:
    with Live(counting(GROUP)).open() as live:
        configure(studio.home.root, live, session_s=600)
        key = studio.begin()
    started = studio.store.now() - timedelta(hours=1)
    moved, over = started + timedelta(seconds=100), started + timedelta(seconds=600)
    put(studio, key, started=started, moved=moved, state=State.INTERRUPTED)
    assert studio.pipeline().record(key).state is State.RECORDED
    with studio.store.read() as connection:
        account = account_of(connection, key)
    (gap,) = account.gaps
    assert (gap.started, gap.ended, gap.reason) == (moved, over, Reason.RECORDER_DIED)
    assert account.missing_s == 500
    assert account.coverage == 0


def test_a_session_of_a_stream_that_is_not_configured_any_more_is_handed_over(
    studio: Studio,
) -> None:
    with Live(counting(GROUP)).open() as live:
        configure(studio.home.root, live)
        key = studio.begin()
        leave_a_segment(studio, key, live)
    (studio.home.root / "streams.toml").write_text("", "utf-8")
    work = studio.pipeline()
    session = work.record(key)
    assert (session.state, session.reason) == (State.RECORDED, Reason.CANCELLED)
    work.join_recording(key)
    (file,) = work.validate_recording(key)
    account = work.hand_over_recording(key)
    assert account.session.state is State.HANDED_OVER
    assert (file.proven, file.frames) == (True, GROUP)
    assert not list((studio.home.recordings / key).glob("*.ts"))  # nobody goes on after it


def test_a_session_without_a_stream_or_media_fails(studio: Studio) -> None:
    with Live(counting(GROUP)).open() as live:
        configure(studio.home.root, live)
        key = studio.begin()
    (studio.home.root / "streams.toml").write_text("", "utf-8")
    session = studio.pipeline().record(key)
    assert (session.state, session.reason) == (State.FAILED, Reason.CANCELLED)


def test_a_stream_that_is_gone_fails_no_session_that_has_segments(studio: Studio) -> None:
    with Live(counting(GROUP), status=404).open() as live:
        configure(studio.home.root, live)
        key = studio.begin()
        leave_a_segment(studio, key, live)
        session = studio.pipeline().record(key)
    assert (session.state, session.reason) == (State.RECORDED, Reason.STREAM_NOT_FOUND)


@pytest.mark.campaign
def test_a_stream_that_goes_away_for_good_lacks_nothing_after_its_end(studio: Studio) -> None:
    with Live(counting(GROUPS * GROUP), step=4, ends=False, stop_at=GROUPS).open() as live:
        configure(studio.home.root, live)
        key = studio.begin()
        done: list[State] = []
        thread = threading.Thread(target=lambda: done.append(studio.pipeline().record(key).state))
        thread.start()
        live.wait_for(lambda: live.count(f"/{GROUPS - 1}.ts") > 0)
        until(lambda: studio.session(key).media_s > 3.0)
        live.status = 404
        thread.join(60)
    assert done == [State.RECORDED]
    with studio.store.read() as connection:
        account = account_of(connection, key)
    assert account.session.reason is Reason.STREAM_NOT_FOUND
    assert account.gaps
    assert account.coverage == 1.0
    assert not any(map(account.lacks, account.gaps))


@pytest.mark.campaign
def test_a_full_disk_interrupts_a_session_which_goes_on_when_there_is_room(
    studio: Studio,
) -> None:
    with Live(counting(GROUPS * GROUP), step=4).open() as live:
        configure(studio.home.root, live)
        key = studio.begin()
        room = studio.settings
        studio.settings = room.model_copy(update={"reserve_bytes": 2**60})
        with pytest.raises(Failed) as raised:
            studio.pipeline().record(key)
        assert raised.value.reason is Reason.DISK_FULL
        assert studio.session(key).state is State.INTERRUPTED
        studio.settings = room
        assert studio.pipeline().record(key).state is State.RECORDED
    whole(studio.numbers(key), GROUPS)


def test_a_silent_recorder_is_stuck_and_one_whose_files_stand_still_too(studio: Studio) -> None:
    with Live(counting(GROUP)).open() as live:
        configure(studio.home.root, live)
        key = studio.begin()
    with studio.store.write() as connection:
        begun = studio.store.now()
        held = recordings.require(connection, key).taken(this_process("other"), begun)
        recordings.save(connection, [held], begun)

    def why(beat_s: float, written_s: float, opened_s: float = 3600.0) -> Reason | None:
        now = begun + timedelta(hours=1)
        ago = lambda seconds: now - timedelta(seconds=seconds)  # noqa: E731
        session = studio.session(key)
        session = type(session)(
            **vars(session) | {"beat": ago(beat_s), "opened": ago(opened_s), "limit_s": 140.0}
        )
        return why_stuck(Found(session, ago(written_s)), now)

    assert why(beat_s=1, written_s=1) is None
    assert why(beat_s=SILENT_S + 1, written_s=1) is Reason.RECORDER_DIED
    assert why(beat_s=1, written_s=281) is Reason.SEGMENT_STUCK
    assert why(beat_s=1, written_s=279) is None
    assert why(beat_s=1, written_s=3600, opened_s=100) is None


def stop(pid: int, studio: Studio) -> None:
    """Stops a process while it does not hold the store."""
    hasty = Store(studio.home, studio.settings.model_copy(update={"store_wait_s": 0.5}))
    while True:
        os.kill(pid, signal.SIGSTOP)
        with suppress(Failed), hasty.write():
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.05)


@pytest.mark.campaign
def test_a_stopped_process_is_ended_and_its_session_is_not_complete(studio: Studio) -> None:
    with Live(counting(400 * GROUP), window=400, step=0, published=6).open() as live:
        configure(studio.home.root, live, groups=2)
        key = studio.begin()
        script = (
            "import sys; from pathlib import Path; sys.path.insert(0, 'tests')\n"
            "from session_parts import Studio\n"
            "Studio(Path(sys.argv[1])).pipeline('stuck').record(sys.argv[2])"
        )
        recorder = subprocess.Popen(
            [sys.executable, "-c", script, str(studio.folder), key],
            cwd=Path(__file__).parents[1],
        )
        until(lambda: studio.session(key).moved)
        stop(recorder.pid, studio)
        (found,) = look(studio.store, studio.home)
        later = studio.store.now() + timedelta(seconds=SILENT_S + 5)
        reason = why_stuck(found, later)
        assert reason is Reason.RECORDER_DIED
        assert interrupt(studio.store, studio.session(key), reason)
        assert recorder.wait(10) == -signal.SIGKILL
    assert studio.session(key).state is State.INTERRUPTED
    (found,) = look(studio.store, studio.home)
    assert due([found.session], {}, studio.store.now() + timedelta(minutes=1))
