"""The program is killed at every point it names, on real media, and finishes when started again.

A run works in a process of its own with a fault planted in it; the next one has none. Whatever
stood half done between the two, nothing may be lost, doubled or shown unproven.
"""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import canaries
import drawn
import psutil
import pytest
from daemon import daemon, wait_for
from promises import KEEPING, check_all, files, sha256
from run_intakes import DISK

from supervisor_core.faults import POINTS, VARIABLE
from supervisor_core.home import Home
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.owners import is_gone
from supervisor_core.store.rows import fetch

pytestmark = pytest.mark.campaign

SCRIPT = Path(__file__).parent / "run_intakes.py"
MARK = "CAMPAIGN_TEST"
RUN_LIMIT_S = 300
RESTARTS = 5
WORDS = ("Kanarek", "40718823")
CHILD_POINT = "call.finished"

# At which visits of each point a run is killed: early ones, and such between two items and steps.
VISITS = {
    "call.finished": (1, 3, 6),
    "call.returned": (1, 6),
    "import.refused": (1,),
    "import.returned": (1,),
    "mask.staged": (1, 2),
    "publish.renamed": (1, 3, 6),
    "publish.synced": (1, 4, 9),
    "store.after_commit": (1, 4, 9, 14, 19),
    "store.before_commit": (1, 3, 7, 11, 16),
    "store.made": (1, 2),
    "take.copied": (1,),
    "take.renamed": (1, 3),
}
KILLS = [(point, visit) for point in sorted(POINTS) for visit in VISITS.get(point, (1,))]
ON_DISK = sorted(POINTS - {"call.finished", "call.returned", "import.returned"})


@dataclass
class Ward:
    """A home in whose inbox lie a clip, two stills and a file that is none."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.home = Home.create(self.folder / "home")
        inbox = self.home.inbox / "ward"
        inbox.mkdir()
        drawn.clip(inbox / "a.mp4", [f"Rosalind {WORDS[0]}", "geb. 14.07.1958"])
        drawn.still(inbox / "b.png", [f"Fall-Nr {WORDS[1]}"])
        still = drawn.still(self.folder / "c.jpg", [f"{WORDS[0]}, Rosalind"], shift=4)
        # A file with a second name can't be moved: it is copied and its name in the inbox removed.
        (inbox / "c.jpg").hardlink_to(still)
        (inbox / "d.png").write_text("This is no picture.")
        self.inputs = [sha256(path) for path in files(self.home.inbox)]

    def run(self, fault: str = "", how: str = "steps", **settings: object) -> int:
        """One run to its end, or to its death; returns how it ended."""
        changes = {f"SUPERVISOR_{name.upper()}": str(value) for name, value in settings.items()}
        kept = {name: text for name, text in os.environ.items() if "SUPERVISOR" not in name}
        environment = kept | changes | {
            "SUPERVISOR_HOME": str(self.home.root),
            "SUPERVISOR_SETTLE_S": "0",
            "SUPERVISOR_RETRY_FIRST_S": "0.01",
            VARIABLE: fault,
            MARK: self.mark,
        }  # fmt: skip
        command = [sys.executable, "-W", "ignore", str(SCRIPT), how]
        with (self.folder / "run.log").open("ab") as log:
            return subprocess.run(
                command, env=environment, stdout=log, stderr=log, timeout=RUN_LIMIT_S, check=False
            ).returncode

    def finish(self, how: str = "steps") -> None:
        """Runs without a fault until nothing is left to do."""
        for _ in range(RESTARTS):
            assert self.run(how=how) == 0, (self.folder / "run.log").read_text()
            if self.settled():
                return
        pytest.fail("not settled")

    def settled(self) -> bool:
        waiting = """SELECT 1 FROM arrival LEFT JOIN media USING (media) WHERE state = 'seen'
            OR cleaning IN ('waiting', 'running') OR not_before IS NOT NULL
            OR cleaning IN ('frame_level', 'roi_mask') AND verification <> 'verified'"""
        return not self.rows(waiting) and not list(files(self.home.inbox))

    def rows(self, sql: str) -> list[dict]:
        with Store(self.home, Settings(home=self.home.root)).read() as connection:
            return fetch(connection, sql)

    def ends(self) -> list[tuple]:
        """What became of the files, in the order of their kinds."""
        sql = """SELECT coalesce(container, '-') AS kind, cleaning, verification, arrival.reason
            FROM arrival LEFT JOIN media USING (media) ORDER BY kind"""
        return [tuple(row.values()) for row in self.rows(sql)]

    def processes(self) -> list[psutil.Process]:
        """Every living process that came from a run of this home."""
        return [one for one in psutil.process_iter() if _marked(one, self.mark)]

    def check(self) -> None:
        """Everything that must hold at the end, and nothing of the runs is alive."""
        assert not self.processes()
        check_all(self.home, self.inputs)


def _marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


CLEAN = [
    ("-", None, None, Reason.DISGUISED_FILE),
    ("jpeg", "frame_level", "verified", None),
    ("mp4", "frame_level", "verified", None),
    ("png", "frame_level", "verified", None),
]


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path)
    yield ward
    for process in ward.processes():
        process.kill()


def test_without_a_fault_one_run_does_it_all(ward: Ward) -> None:
    assert ward.run() == 0
    assert ward.settled()
    assert ward.ends() == CLEAN
    ward.check()


def test_every_point_has_its_kills() -> None:
    assert set(VISITS) == POINTS


def write_on_after_it_was_taken(ward: Ward) -> None:
    """Somebody still writes to a file that a run, killed meanwhile, has taken out of the inbox.

    Which intake is taken first is decided by their keys, and so by the moment at which files came.
    """
    clip = ward.home.inbox / "ward" / "a.mp4"
    with clip.open("ab") as writer:
        while clip.exists():
            assert ward.run("take.renamed") == -signal.SIGKILL
        before = {path: sha256(path) for path in files(ward.home.work)}
        writer.write(b"\0" * 64)
    (changed,) = (path for path, sha in before.items() if sha256(path) != sha)
    ward.inputs[ward.inputs.index(before[changed])] = sha256(changed)


def child_died(ward: Ward) -> bool:
    sql = f"SELECT id FROM attempt WHERE reason = '{Reason.WORKER_CRASHED}' AND outcome = 'failed'"
    return bool(ward.rows(sql))


def until_nobody_is_left(ward: Ward) -> None:
    """A killed run's child and guardian need a moment to notice: grace, and a second."""
    wait_for(lambda: None if ward.processes() else True, 0.2 + 1 + 4)


@pytest.mark.parametrize(("point", "visit"), KILLS)
def test_a_killed_run_is_taken_up_where_it_died(ward: Ward, point: str, visit: int) -> None:
    if point == "import.returned":
        write_on_after_it_was_taken(ward)
    ended = ward.run(f"{point}:{visit}")
    assert child_died(ward) if point == CHILD_POINT else ended == -signal.SIGKILL
    until_nobody_is_left(ward)
    assert not canaries.find(ward.home.root, WORDS, leave_out=(*KEEPING, "work"))
    ward.finish()
    ward.check()
    assert [end for end in ward.ends() if end[3] != Reason.FILE_NOT_FOUND] == CLEAN


@pytest.mark.parametrize("point", ["take.renamed", "mask.staged", "publish.renamed:3"])
def test_a_killed_job_is_taken_up_where_it_died(ward: Ward, point: str) -> None:
    assert ward.run(point, how="job") == -signal.SIGKILL
    until_nobody_is_left(ward)
    ward.finish(how="job")
    ward.check()
    assert ward.ends() == CLEAN


def died_at_its_thumbnail(ward: Ward) -> bool | None:
    """True once the run has ended there without closing its attempt; None before."""
    sql = "SELECT owner FROM attempt WHERE step = 'thumbnail' AND ended IS NULL"
    return True if any(is_gone(str(row["owner"])) for row in ward.rows(sql)) else None


def test_a_daemon_finishes_what_another_left_that_was_killed_with_its_run(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (ward.home.inbox / "ward").glob("[bcd].*"):
        path.unlink()
    ward.inputs = [sha256(path) for path in files(ward.home.inbox)]
    Store(ward.home, Settings(home=ward.home.root))
    monkeypatch.setenv(MARK, ward.mark)
    monkeypatch.setenv(VARIABLE, "publish.synced:3")  # the clip, the cleaned clip, its thumbnail
    with daemon(ward.home):
        wait_for(lambda: died_at_its_thumbnail(ward), 180)
        for process in ward.processes():
            process.kill()
    monkeypatch.delenv(VARIABLE)
    with daemon(ward.home):
        wait_for(lambda: len(list(files(ward.home.thumbnails))) or None, 300, 1)
    until_nobody_is_left(ward)
    ward.finish()  # the empty folder of the dead attempt goes with the next run
    ward.check()
    assert ward.ends() == CLEAN[2:3]


@pytest.mark.parametrize("action", ["full", "error"])
@pytest.mark.parametrize("point", ON_DISK)
def test_a_disk_in_trouble_costs_nothing(ward: Ward, point: str, action: str) -> None:
    assert ward.run(f"{point}:{action}") in (0, DISK)
    until_nobody_is_left(ward)
    ward.finish()
    ward.check()
    assert ward.ends() == CLEAN


@pytest.mark.parametrize("visit", [1, 2, 3])
def test_work_that_hangs_ends_at_its_limit_and_is_done_later(ward: Ward, visit: int) -> None:
    rates = ("import_s_per_gb", "frame_level_rate", "roi_mask_rate", "verify_rate")
    bases = ("import_base_s", "frame_level_base_s", "roi_mask_base_s", "verify_base_s")
    limits = dict.fromkeys(rates, 0) | dict.fromkeys((*bases, "thumbnail_s"), 6)
    assert ward.run(f"call.finished:hang:{visit}", **limits) == 0
    assert ward.rows("SELECT id FROM attempt WHERE reason IN ('TIMEOUT', 'VERIFICATION_TIMEOUT')")
    until_nobody_is_left(ward)
    ward.finish()
    ward.check()
