"""More than usual at once: 100,000 names, a full batch with bad files in it, many hands."""

import ast
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import drawn
import pytest
from promises import check_all, files, sha256
from test_sensors_uploads import Inbox

from supervisor_assets.instance import open_instance
from supervisor_core.faults import POINTS, VARIABLE
from supervisor_core.home import Home
from supervisor_core.inbox.plan import BATCH, REQUESTS, NewArrival, NewIntake
from supervisor_core.keys import DEFAULT_SOURCE, IntakeKey, fingerprint
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.arrivals import record_intakes
from supervisor_core.store.rows import fetch

pytestmark = pytest.mark.campaign

HERE = Path(__file__).parent


# A hundred thousand names

KNOWN_FOLDERS, FOLDER_FILES, NEW_VIDEOS = 99, 1000, 1000
LOOK_PER_WALK = 4  # 2.6 was measured: 0.83 s for a look, 0.32 s for a walk


def fill(inbox: Inbox) -> None:
    """Ninety-nine thousand known files, half of them with a byte in them, and new videos."""
    known = []
    for folder in range(KNOWN_FOLDERS):
        place = inbox.home.inbox / f"{folder}"
        place.mkdir()
        seen = [add(place / f"{number}.png", b"x" * (number % 2)) for number in range(FOLDER_FILES)]
        key = IntakeKey(f"20260101_{folder:010}")
        known.append(NewIntake(key, "upload", "stills", tuple(seen)))
    record_intakes(inbox.store, known)
    for number in range(NEW_VIDEOS):
        add(inbox.home.inbox / f"{number}.mp4", b"")


def add(path: Path, content: bytes) -> NewArrival:
    path.write_bytes(content)
    status = path.lstat()
    name = f"{path.parent.name}/{path.name}"
    key = fingerprint(DEFAULT_SOURCE, name, status.st_size, status.st_mtime_ns)
    return NewArrival(key, name, status.st_size, status.st_mtime_ns)


def test_a_hundred_thousand_names_cost_little_more_than_walking_them_and_start_fifty_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERVISOR_SETTLE_S", "0")
    with dg.DagsterInstance.ephemeral() as instance:
        inbox = Inbox(tmp_path, instance)
        fill(inbox)
        asked = [len(inbox.requested())]
        while asked[-1]:
            asked.append(len(inbox.requested()))
            assert len(asked) < 2 * NEW_VIDEOS / REQUESTS
        pairs = [(seconds_of_a_look(inbox), seconds_of_a_walk(inbox)) for _ in range(5)]
    assert asked == [REQUESTS] * (NEW_VIDEOS // REQUESTS) + [0]
    looks, walks = zip(*pairs, strict=True)
    assert min(looks) < LOOK_PER_WALK * min(walks), pairs
    shutil.rmtree(inbox.home.inbox)


def seconds_of_a_look(inbox: Inbox) -> float:
    """Processor seconds of a tick that knows all names; other work on the machine isn't its own."""
    inbox.cursor = None
    started_s = time.process_time()
    assert not inbox.requested()
    return time.process_time() - started_s


def seconds_of_a_walk(inbox: Inbox) -> float:
    """Processor seconds that Python itself needs to stat every name there."""
    started_s = time.process_time()
    for folder, _, names in os.walk(inbox.home.inbox):
        for name in names:
            os.lstat(f"{folder}/{name}")
    return time.process_time() - started_s


# A full batch

BROKEN = 20


def break_one(path: Path, number: int) -> None:
    """A file, or something else with a picture's name, that can't come in."""
    whole = drawn.still(path, ["whole"], shift=number, width=160, height=120, size=12).read_bytes()
    path.unlink()
    kind = number % 10
    if kind == 0:
        path.touch()
    elif kind == 1:
        path.write_text(f"This is no picture, {number}.")
    elif kind == 2:
        path.write_bytes(whole[: len(whole) // 2 + number])
    elif kind == 3:
        path.write_bytes(whole[:30] + bytes([number]) * 400)
    elif kind == 4:
        path.write_text(f"#EXTM3U\n#EXTINF:{number},\n/etc/passwd\n")
    elif kind == 5:
        path.write_bytes(random.Random(number).randbytes(5000))
    elif kind == 6:
        path.symlink_to("/etc/passwd")
    elif kind == 7:
        os.mkfifo(path)
    elif kind == 8:
        path.write_text(f"<html><body>{number}</body></html>")
    else:
        path.write_text(f"ffconcat version 1.0\nfile /etc/passwd\n# {number}\n")


def test_twenty_broken_files_in_a_full_batch_are_refused_and_no_other(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home")
    folder = home.inbox / "ward"
    folder.mkdir()
    places = random.Random(20).sample(range(BATCH), BROKEN)
    for number in range(BATCH):
        path = folder / f"{number:03}.png"
        if number in places:
            break_one(path, places.index(number))
        else:
            lines = [f"Fall {4000 + number}"]
            drawn.still(path, lines, shift=number, width=160, height=120, size=12)
    inputs = [sha256(path) for path in files(home.inbox)]
    work(home, HERE / "run_intakes.py", "job")
    with Store(home, Settings(home=home.root)).read() as connection:
        rows = fetch(
            connection,
            "SELECT ordinal, state, arrival.reason, cleaning, verification FROM arrival"
            " LEFT JOIN media USING (media) ORDER BY ordinal",
        )
        intakes = fetch(connection, "SELECT intake FROM intake")
    assert len(intakes) == 1
    assert {row["ordinal"] for row in rows if row["state"] == "refused"} == set(places)
    assert all(row["reason"] for row in rows if row["state"] == "refused")
    came_in = {(row["cleaning"], row["verification"]) for row in rows if row["state"] != "refused"}
    assert came_in == {("frame_level", "verified")}
    check_all(home, inputs)
    with open_instance(home) as instance:
        (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.SUCCESS


def work(home: Home, script: Path, *arguments: object, fault: str = "") -> int:
    """Runs a script of ours over a home to its end."""
    with start(home, script, *arguments, fault=fault) as process:
        assert process.wait(timeout=900) in (0, -signal.SIGKILL), process.args
    return process.returncode


def start(
    home: Home, script: Path, *arguments: object, fault: str = ""
) -> "subprocess.Popen[bytes]":
    kept = {name: text for name, text in os.environ.items() if "SUPERVISOR" not in name}
    settings = {"SUPERVISOR_HOME": str(home.root), "SUPERVISOR_SETTLE_S": "0"}
    path = os.pathsep.join([str(HERE.parent), kept.get("PYTHONPATH", "")])
    environment = kept | settings | {VARIABLE: fault, "PYTHONPATH": path}
    with (home.root.parent / "run.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", str(script), *map(str, arguments)],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


# Many hands

WORKERS, ROUNDS, FILES = 8, 3, 8
STRIKES = sorted(POINTS - {"call.finished", "call.returned", "import.returned", "take.copied"})


def test_eight_at_once_that_keep_dying_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home")
    chance = random.Random(8)
    died = 0
    for number in range(ROUNDS):
        crowd = [
            start(
                home, HERE / "flood_worker.py", f"{number}-{hand}", FILES,
                fault=f"{chance.choice(STRIKES)}:{chance.randint(1, 20)}",
            )
            for hand in range(WORKERS)
        ]  # fmt: skip
        ends = [process.wait(timeout=900) for process in crowd]
        assert set(ends) <= {0, -signal.SIGKILL}, (tmp_path / "run.log").read_text()
        died += ends.count(-signal.SIGKILL)
    assert died >= WORKERS
    assert work(home, HERE / "flood_worker.py", "last", FILES) == 0
    dropped = [
        hashlib.sha256(ast.literal_eval(line).encode()).hexdigest()
        for ledger in tmp_path.glob("*.dropped")
        for line in ledger.read_text().splitlines()
    ]
    assert len(dropped) > len(set(dropped)) > FILES
    check_all(home, dropped)
    with Store(home, Settings(home=home.root)).read() as connection:
        rows = fetch(connection, "SELECT count(*) AS arrivals FROM arrival")
        names = fetch(connection, "SELECT count(*) AS media FROM media")
    assert rows == [{"arrivals": len(dropped)}]
    refused = sum(1 for path in files(home.refused))
    assert names == [{"media": len(set(dropped)) - refused}]
