"""What a call in a child process gives back, and what stopping it leaves."""

import errno
import logging
import math
import os
import pickle
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hangs
import pytest
from deadline_parts import Place, fails

from supervisor_core import deadline, faults
from supervisor_core.deadline import DeadlineExceeded, Worker, WorkerCrashed, report_progress
from supervisor_core.reasons import Reason

# Somebody stops it


def test_an_interrupt_ends_the_work_and_goes_on(worker: Worker, place: Place) -> None:
    stopper = threading.Thread(
        target=lambda: (place.meet(2), os.kill(os.getpid(), signal.SIGINT)),
    )
    stopper.start()
    with pytest.raises(KeyboardInterrupt):
        worker.call(hangs.with_an_escaped_child, *place.here, limit_s=60, scratch=[place.folder])
    stopper.join()
    assert place.processes() == set()
    assert place.parts() == []


def test_closing_from_another_thread_cancels(worker: Worker, place: Place) -> None:
    closer = threading.Thread(target=lambda: (place.meet(2), worker.close()))
    closer.start()
    failure = fails(
        Reason.CANCELLED,
        lambda: worker.call(
            hangs.with_an_escaped_child, *place.here, limit_s=60, scratch=[place.folder]
        ),
    )
    closer.join()
    assert failure.facts == {}
    assert place.processes() == set()
    assert place.parts() == []


def test_closing_while_the_child_starts_cancels_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guardian stands still, so the start is over before the end that was asked for."""
    go = place.folder / "go"
    os.mkfifo(go)
    (place.folder / "slowly_started.py").write_text(
        "import os, signal, knocker\n"
        "os.kill(os.getppid(), signal.SIGSTOP)\n"
        f"knocker.knock({place.door!r})\n"
        f"open({str(go)!r}).read()\n"
    )
    monkeypatch.syspath_prepend(str(place.folder))
    monkeypatch.setattr(deadline, "_SETTLE_S", 0.3)
    worker = Worker(preload=["slowly_started"], grace_s=0.3)

    def close() -> None:
        place.meet(1)
        closing = threading.Thread(target=worker.close)
        closing.start()
        while not (worker._session and worker._session._cancelled):
            time.sleep(0.001)
        go.write_bytes(b"")
        closing.join()

    closer = threading.Thread(target=close)
    started = time.monotonic()
    closer.start()
    fails(Reason.CANCELLED, lambda: worker.call(os.getpid, limit_s=60))
    closer.join()
    assert time.monotonic() - started < 10
    assert place.processes() == set()


def test_asking_the_guardian_to_end_cancels(worker: Worker, place: Place) -> None:
    guardian = worker.call(os.getppid, limit_s=20)
    stopper = threading.Thread(
        target=lambda: (place.meet(1), os.kill(guardian, signal.SIGTERM)),
    )
    stopper.start()
    fails(Reason.CANCELLED, lambda: worker.call(hangs.native, *place.here, limit_s=60))
    stopper.join()
    assert place.processes() == set()


def test_an_error_in_the_progress_callback_ends_the_work(worker: Worker, place: Place) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyError(done, total)

    with pytest.raises(KeyError) as failure:
        worker.call(
            hangs.report_and_hang,
            *place.here,
            limit_s=60,
            scratch=[place.folder],
            on_progress=stop,
        )
    assert failure.value.args == (1, 2)
    assert place.processes() == set()
    assert place.parts() == []


def test_closing_twice_or_unused_is_nothing_special(place: Place) -> None:
    Worker().close()
    with Worker() as worker:
        first = worker.call(os.getpid, limit_s=20)
        worker.close()
        worker.close()
        assert place.processes() == set()
        assert worker.call(os.getpid, limit_s=20) != first
    assert place.processes() == set()


def test_a_worker_nobody_holds_any_more_ends(place: Place) -> None:
    worker = Worker()
    worker.call(os.getpid, limit_s=20)
    del worker
    assert place.processes() == set()


# Scratch


def test_only_parts_of_a_failed_call_are_removed(worker: Worker, place: Place) -> None:
    other = place.folder / "other"
    other.mkdir()
    kept = [place.folder / "done.mp4", other / "elsewhere.part", place.folder / "door"]
    kept[0].touch()
    kept[1].touch()
    (place.folder / "folder.part").mkdir()
    (place.folder / "link.part").symlink_to(kept[1])
    worker.call(hangs.begin, *place.here, limit_s=20, scratch=[place.folder])
    assert set(place.parts()) == {"half.part", "link.part", "folder.part"}
    with pytest.raises(WorkerCrashed):
        worker.call(os._exit, 1, limit_s=20, scratch=[place.folder, place.folder / "missing"])
    assert place.parts() == ["folder.part"]
    assert all(path.exists() for path in kept)


# Answers


def test_arguments_and_results_travel(warm: Worker) -> None:
    assert warm.call(sorted, [3, 1, 2], limit_s=20, reverse=True) == [3, 2, 1]
    assert warm.call(hangs.of_size, 5_000_000, limit_s=20) == bytes(5_000_000)
    assert warm.call(len, bytes(5_000_000), limit_s=20) == 5_000_000


def test_a_failure_arrives_as_it_was_raised(warm: Worker) -> None:
    failure = fails(Reason.DECODE_FAILED, lambda: warm.call(hangs.raise_failed, limit_s=20))
    assert failure.facts == {"frame": 7}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOSPC, Reason.DISK_FULL),
        (errno.EDQUOT, Reason.DISK_FULL),
        (errno.EIO, Reason.IO_ERROR),
        (errno.EACCES, Reason.INTERNAL_ERROR),
    ],
)
def test_a_disk_error_arrives_as_its_reason(code: int, reason: Reason, warm: Worker) -> None:
    arguments = (OSError, code, "refused", hangs.PATIENT)
    failure = fails(reason, lambda: warm.call(hangs.raise_error, *arguments, limit_s=20))
    assert hangs.PATIENT not in repr(failure) + str(failure)


def test_any_other_error_arrives_as_its_type_and_place_without_its_text(warm: Worker) -> None:
    failure = fails(Reason.INTERNAL_ERROR, lambda: warm.call(hangs.raise_in_a_library, limit_s=20))
    line = hangs.raise_in_a_library.__code__.co_firstlineno + 1
    assert failure.facts == {"error": "FileNotFoundError", "place": f"hangs:{line}"}
    assert hangs.PATIENT not in repr(failure) + str(failure)
    assert failure.__cause__ is None
    assert failure.__context__ is None


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError])
def test_no_exception_gets_away(kind: type[BaseException], warm: Worker) -> None:
    pid = warm.call(os.getpid, limit_s=20)
    failure = fails(Reason.INTERNAL_ERROR, lambda: warm.call(hangs.raise_error, kind, limit_s=20))
    assert failure.facts["error"] == kind.__name__
    assert warm.call(os.getpid, limit_s=20) == pid


def test_running_out_of_memory_is_a_crash_and_brings_a_fresh_worker(worker: Worker) -> None:
    pid = worker.call(os.getpid, limit_s=20)
    with pytest.raises(WorkerCrashed) as failure:
        worker.call(hangs.eat_memory, limit_s=20)
    assert failure.value.facts == {"error": "MemoryError"}
    assert worker.call(os.getpid, limit_s=20) != pid


def test_what_can_not_travel_is_a_mistake_and_harms_nothing(warm: Worker) -> None:
    pid = warm.call(os.getpid, limit_s=20)
    too_large = deadline.MAX_BYTES + 1
    for function, arguments in (
        (lambda: None, ()),
        (len, (threading.Lock(),)),
        (hangs.unpicklable, ()),
        (hangs.of_size, (too_large,)),
        (len, (bytes(too_large),)),
        (calling_process_main_function(), ()),
    ):
        fails(Reason.INTERNAL_ERROR, lambda f=function, a=arguments: warm.call(f, *a, limit_s=20))  # type: ignore[misc]
    assert warm.call(os.getpid, limit_s=20) == pid


def calling_process_main_function() -> Callable[[], Any]:
    """A function as it looks when its module was started as a script."""

    def function() -> None: ...

    function.__module__, function.__qualname__ = "__main__", "function"
    return function


def test_a_subclass_of_failed_keeps_its_class() -> None:
    for kind in (DeadlineExceeded, WorkerCrashed):
        copy = pickle.loads(pickle.dumps(kind(Reason.TIMEOUT, limit_s=1.5)))
        assert (type(copy), copy.reason, copy.facts) == (kind, Reason.TIMEOUT, {"limit_s": 1.5})


# Surroundings


def test_a_missing_preload_is_a_missing_dependency(place: Place) -> None:
    with Worker(preload=("no_such_module",)) as worker:
        for _ in range(2):  # nor does a half-prepared child take the second call
            failure = fails(Reason.DEPENDENCY_MISSING, lambda: worker.call(os.getpid, limit_s=20))
            assert failure.facts["module"] == "no_such_module"
            assert place.processes() == set()


def test_preloaded_modules_are_there(place: Place) -> None:
    with Worker(preload=("colorsys",)) as worker:
        assert worker.call(hangs.apply, hangs.is_loaded, "colorsys", limit_s=20)
        assert not worker.call(hangs.apply, hangs.is_loaded, "chunk", limit_s=20)


def test_secrets_stay_here_and_the_rest_goes_along(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("SUPERVISOR_RESTRICTED_KEY", "AWS_SECRET_ACCESS_KEY", "forge_token", "DB_PASSWORD")
    for name in secrets:
        monkeypatch.setenv(name, hangs.PATIENT)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    there = worker.call(hangs.environment, limit_s=20)
    assert not set(secrets) & set(there)
    assert hangs.PATIENT not in there.values()
    assert (there["OMP_NUM_THREADS"], there["PATH"]) == ("2", os.environ["PATH"])


def test_a_fault_reaches_the_child(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(faults.VARIABLE, "call.finished:full")
    fails(Reason.DISK_FULL, lambda: worker.call(os.getpid, limit_s=20))
    assert worker.call(os.getpid, limit_s=20)


def test_nothing_that_the_child_prints_comes_out_here(
    warm: Worker, capfd: pytest.CaptureFixture[str]
) -> None:
    warm.call(hangs.print_names, limit_s=20)
    assert capfd.readouterr() == ("", "")


def test_the_child_inherits_no_ignored_signals(worker: Worker) -> None:
    numbers = (signal.SIGTERM, signal.SIGUSR1)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        ignored = worker.call(hangs.signals_ignored, limit_s=20)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    assert not set(numbers) & set(ignored)


# Progress and waiting


def test_progress_arrives_seldom_and_ends_complete(warm: Worker) -> None:
    seen: list[tuple[int, int]] = []
    started = time.monotonic()
    warm.call(hangs.count_to, 200_000, limit_s=60, on_progress=lambda *count: seen.append(count))
    seconds = time.monotonic() - started
    assert seen[0] == (1, 200_000)
    assert seen[-1] == (200_000, 200_000)
    assert seen == sorted(seen)
    assert len(seen) <= 2 + 5 * seconds


def test_progress_is_nothing_outside_a_child() -> None:
    report_progress(1, 2)


def test_a_long_wait_is_logged_in_our_own_words(
    warm: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deadline, "_NOTE_EVERY_S", 0.2)
    with caplog.at_level(logging.INFO, logger="supervisor"):
        warm.call(time.sleep, 0.7, limit_s=20)
    assert 1 <= len(caplog.records) <= 3
    assert {record.name for record in caplog.records} == {"supervisor"}
    assert all("sleep" in record.getMessage() for record in caplog.records)


def test_a_warm_call_costs_less_than_two_milliseconds(warm: Worker) -> None:
    warm.call(math.sqrt, 4, limit_s=20)
    seconds = []
    for _ in range(100):
        started = time.perf_counter()
        warm.call(math.sqrt, 4, limit_s=20)
        seconds.append(time.perf_counter() - started)
    assert statistics.median(seconds) < 0.002


def test_a_child_that_can_not_be_started_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    with Worker() as worker, pytest.raises(WorkerCrashed) as caught:
        worker.call(math.sqrt, 4.0, limit_s=5)
    assert caught.value.reason is Reason.CHILD_SPAWN_FAILED
    assert caught.value.facts == {"errno": errno.ENOENT}
