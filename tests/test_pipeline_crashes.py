"""A run that dies at any point, and the next one: every item ends in exactly one state.

Each file is at one place, no output is shown that is not proven, and nothing half done is left.
"""

import os
import signal
from pathlib import Path

import pytest
from pipeline_parts import House
from store_builders import start_python

from supervisor_core.faults import POINTS
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Arrival as State
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store import identifiers

TEXTS = {
    "a.png": "one with a name",
    "b.png": "one with a name",
    "c.png": "frame_level = DECODE_FAILED",
    "d.png": "frame_level = DECODE_FAILED\nroi_mask = DECODE_FAILED",
    "e.png": "verify frame_level = RESIDUAL_TEXT\nwith a name",
    "f.png": "import = UNSUPPORTED_CODEC",
    "g.png": "dicom",
}
ENDS = [
    (State.IMPORTED, Cleaning.FRAME_LEVEL, Verification.VERIFIED),
    (State.DUPLICATE, Cleaning.FRAME_LEVEL, Verification.VERIFIED),
    (State.IMPORTED, Cleaning.ROI_MASK, Verification.VERIFIED),
    (State.IMPORTED, Cleaning.RAW_ASIDE, Verification.NONE),
    (State.IMPORTED, Cleaning.ROI_MASK, Verification.VERIFIED),
    (State.REFUSED, None, None),
    (State.IMPORTED, Cleaning.FRAME_LEVEL, Verification.VERIFIED),
    (State.REFUSED, None, None),
]

RUN = """
import sys
from pathlib import Path
from pipeline_parts import House, Inline
from supervisor_core.deadline import Worker
from supervisor_core.keys import IntakeKey
with Worker() as worker:
    house = House(Path(sys.argv[1]), worker if sys.argv[3] == "worker" else Inline())
    house.pipeline.import_items(IntakeKey(sys.argv[2]))
    house.clean(IntakeKey(sys.argv[2]))
"""


def fill(folder: Path) -> tuple[House, IntakeKey]:
    house = House(folder, bare=True)
    files = [house.drop(name, text) for name, text in TEXTS.items()]
    os.mkfifo(house.home.inbox / "h.png")
    return house, house.record(*files, house.see("h.png"))


def run(house: House, key: IntakeKey, caller: str, fault: str) -> int:
    """A run in another process, with a fault planted; how it ended."""
    here = f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    process = start_python(RUN, house.folder, key, caller, SUPERVISOR_FAULT=fault, PYTHONPATH=here)
    process.communicate(timeout=170)
    return process.returncode


def finish(house: House, key: IntakeKey) -> None:
    """The next run, in this process, an hour later."""
    house.clock.turn(3600)
    house.pipeline.import_items(key)
    house.clean(key)


def check(house: House, key: IntakeKey) -> None:
    """Everything that must hold whatever happened before."""
    summary = house.pipeline.summary(key)
    ends = [(one.arrival, one.level, one.verification) for one in summary.items]
    # Whichever of the two copies came in first is the imported one.
    assert sorted(ends[:2], reverse=True) + ends[2:] == ENDS
    assert house.everywhere() == sorted([*dict.fromkeys(TEXTS.values()), "a pipe"])
    assert house.files("refused") == ["a pipe", TEXTS["f.png"]]
    assert house.files("aside") == [TEXTS["d.png"]]
    assert house.files("inbox") == house.files("work") == house.files("trash") == []
    shown = [f"frame_level of {TEXTS[name]}" for name in ("a.png", "g.png")]
    shown += [f"roi_mask of {TEXTS[name]}" for name in ("c.png", "e.png")]
    assert house.files("cleaned") == sorted(shown)
    assert house.files("thumbnails") == sorted(f"small {text}" for text in shown)
    assert not list(house.home.root.rglob("*.part"))
    assert summary.settled
    check_rows(house)
    check_restricted(house, summary.items[0].media.media, summary.items[4].media.media)


def check_rows(house: House) -> None:
    with house.store.read() as connection:
        for table, key in (
            ("media", "media"),
            ("intake", "intake"),
            ("arrival", "fingerprint"),
            ("attempt", "id"),
        ):
            counts = f"SELECT count(*), count(DISTINCT {key}) FROM {table}"
            rows, keys = connection.execute(counts).fetchone()
            assert rows == keys, table
        held = connection.execute("SELECT count(*) FROM media WHERE lease_owner IS NOT NULL")
        assert held.fetchone() == (0,)
        open_ = connection.execute("SELECT count(*) FROM attempt WHERE ended IS NULL")
        assert open_.fetchone() == (0,)
        shown = connection.execute("SELECT path FROM output WHERE current").fetchall()
    assert all((house.home.root / path).is_file() for (path,) in shown)


def check_restricted(house: House, *named: str) -> None:
    with house.store.restricted() as connection:
        found = [one.media for one in identifiers.of_media(connection, named)]
        tags = connection.execute("SELECT count(*) FROM dicom_tag").fetchone()
    assert sorted(found) == sorted(named)
    assert tags == (1,)


# Each point once or twice; as often as it is reached is the campaign's.
KILLS = [
    *(f"take.renamed:{nth}" for nth in (1, 4)),
    *(f"publish.synced:{nth}" for nth in (1, 7)),
    *(f"publish.renamed:{nth}" for nth in (2, 8)),
    "import.refused:1",
    *(f"mask.staged:{nth}" for nth in (1, 3)),
    *(f"store.before_commit:{nth}" for nth in (2, 8, 20)),
    *(f"store.after_commit:{nth}" for nth in (6, 14)),
]


@pytest.mark.campaign
@pytest.mark.parametrize("fault", KILLS)
def test_a_killed_run_leaves_nothing_that_the_next_can_not_finish(
    tmp_path: Path, fault: str
) -> None:
    house, key = fill(tmp_path)
    assert run(house, key, "inline", fault) == -signal.SIGKILL
    finish(house, key)
    check(house, key)


def try_to_finish(house: House, key: IntakeKey) -> None:
    """The next run, which may say that the disk is in trouble, and nothing else."""
    try:
        finish(house, key)
    except Failed as failed:
        if failed.reason not in (Reason.DISK_FULL, Reason.IO_ERROR):
            raise


@pytest.mark.parametrize(
    ("fault", "action"),
    [
        ("take.renamed", "full"),
        ("publish.synced", "full"),
        ("publish.renamed", "full"),
        ("mask.staged", "full"),
        ("store.before_commit", "full"),
        ("publish.synced", "error"),
        ("store.before_commit", "error"),
        *(
            pytest.param(point, "error", marks=pytest.mark.campaign)
            for point in ("take.renamed", "publish.renamed", "mask.staged")
        ),
    ],
)
def test_a_disk_in_trouble_costs_no_item(
    tmp_path: Path, fault: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, key = fill(tmp_path)
    for nth in (1, 3, 5):
        monkeypatch.setenv("SUPERVISOR_FAULT", f"{fault}:{action}:{nth}")
        try_to_finish(house, key)
    monkeypatch.delenv("SUPERVISOR_FAULT")
    finish(house, key)
    check(house, key)


def test_a_run_without_any_fault_ends_the_same(tmp_path: Path) -> None:
    house, key = fill(tmp_path)
    assert run(house, key, "worker", "") == 0
    check(house, key)
    finish(house, key)
    check(house, key)


@pytest.mark.campaign
@pytest.mark.parametrize("point", sorted(POINTS))
def test_every_point_as_often_as_it_is_reached(tmp_path: Path, point: str) -> None:
    nth, ended = 0, -signal.SIGKILL
    while ended == -signal.SIGKILL:
        nth += 1
        house, key = fill(tmp_path / str(nth))
        ended = run(house, key, "worker", f"{point}:{nth}")
        finish(house, key)
        check(house, key)
    assert ended == 0


@pytest.mark.campaign
def test_real_media_survive_a_kill_at_any_commit(tmp_path: Path, shared_data: Path) -> None:
    for nth in range(1, 40, 3):
        folder = tmp_path / str(nth)
        code = run_real(folder, shared_data, f"store.after_commit:{nth}")
        assert code in (0, -signal.SIGKILL)
        assert run_real(folder, shared_data, "") == 0
        house = House(folder)
        with house.store.read() as connection:
            (key,) = connection.execute("SELECT intake FROM intake").fetchone()
        summary = house.pipeline.summary(IntakeKey(key))
        assert summary.settled
        assert summary.levels == {Cleaning.FRAME_LEVEL: 2}
        assert summary.verified == 2
        assert not list(house.home.work.iterdir())


REAL = """
import shutil, sys
from pathlib import Path
from pipeline_parts import House
from supervisor_core.deadline import Worker
from supervisor_core.pipeline.tools import Tools
folder, data = map(Path, sys.argv[1:])
with Worker() as worker:
    house = House(folder, worker, Tools(), bare=True)
    names = ["ukbench00120_resize.jpg", "ukbench00120_hflip.jpg"]
    if not (folder / "recorded").exists():
        for name in names:
            shutil.copy2(data / "images" / "dups" / name, house.home.inbox / name)
        key = house.record(*(house.see(name) for name in names))
        (folder / "recorded").write_text(key)
    key = (folder / "recorded").read_text()
    house.pipeline.import_items(key)
    house.clean(key)
"""


def run_real(folder: Path, data: Path, fault: str) -> int:
    here = f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    process = start_python(REAL, folder, data, SUPERVISOR_FAULT=fault, PYTHONPATH=here)
    process.communicate(timeout=600)
    return process.returncode
