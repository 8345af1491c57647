"""`backup` and `restore` as a user runs them, and what is told when there is no young backup."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import cv2
import dagster as dg
import pytest
from command import run
from daemon import wait_for
from picture_builders import painted
from pipeline_parts import House
from store_builders import start_python
from up_parts import up

from supervisor_assets.definitions import definitions_for
from supervisor_assets.instance import open_instance
from supervisor_core.backup.age import standing
from supervisor_core.backup.making import back_up
from supervisor_core.backup.shelf import backups_in, find_backup, finished, part_of
from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.mark.campaign
def test_there_and_back(house: House) -> None:
    root = house.home.root
    house.clean(house.arrive("one"))
    made = run("backup", "--json", home=root)
    assert (made.code, made.json["identifiers_readable"], made.json["dropped"]) == (0, True, 0)
    assert Path(made.json["backup"]).parent == root / "backups"
    house.clean(house.arrive("two"))
    shutil.rmtree(house.home.store)
    tried = run("restore", "latest", "--dry-run", "--json", home=root)
    assert tried.code == 0, tried.err
    done = run(
        "restore", Path(made.json["backup"]).name, "--profile", "archive", "--json", home=root
    )
    assert done.code == 0, done.err
    found = done.json["files"]
    assert (done.json["media"], found["taken_in"], done.json["applied"]) == (1, 1, True)
    assert found["inbox"].startswith("inbox/archive/restored-")
    expected = tried.json | {"applied": True, "files": found}
    assert done.json == expected
    assert tried.json["files"] | {"inbox": ""} == found | {"inbox": ""}
    assert run("consistency", home=root).code == 0


HOLDING = """
import sys; sys.path[:0] = ["tests"]
from pathlib import Path
from pipeline_parts import House
from supervisor_core.store import attempts
from supervisor_core.store.attempts import Attempt, Step
house = House(Path(sys.argv[1]))
with house.store.write() as connection:
    one = Attempt(step=Step.IMPORT, owner=house.owner, started=house.store.now())
    attempts.open_all(connection, [one])
print("ready", flush=True)
sys.stdin.read()
"""


def test_nothing_is_restored_under_the_hands_of_who_works(house: House) -> None:
    root = house.home.root
    back_up(house.home, house.settings, root / "backups", house.store.now())
    with start_python(HOLDING, house.folder) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        assert run("restore", "latest", home=root).code == 6
        process.stdin.close()


def test_a_backup_that_is_not_there_is_said(house: House) -> None:
    with pytest.raises(Failed) as failed:
        find_backup("latest", house.home, house.settings)
    assert failed.value.reason is Reason.FILE_NOT_FOUND


def test_what_cannot_be_restored_is_said_plainly(house: House, tmp_path: Path) -> None:
    root = house.home.root
    to = tmp_path / "elsewhere"
    made = back_up(house.home, house.settings, to, house.store.now()).backup.path
    os.truncate(made / "SHA256SUMS", 100)
    refused = run("restore", made, "--json", home=root)
    assert (refused.code, refused.json["reason"]) == (1, "BACKUP_DAMAGED")
    assert str(to) not in refused.err


# By the clock


def test_the_nightly_job_makes_one_and_lets_old_ones_go(house: House) -> None:
    house.arrive("one")
    shelf = house.home.root / "backups"
    shelf.mkdir()
    for weeks in range(2, 9):
        finished(part_of(shelf, house.store.now() - timedelta(weeks=weeks)))
    job = definitions_for(str(house.home.root)).resolve_job_def("back_up_store")
    assert job.execute_in_process().success
    there = backups_in(shelf)
    assert there[0].about()["main"]["rows"]["media"] == 1
    assert len(there) == 7


def test_a_late_backup_is_told_and_a_young_one_is_well(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, settings, now = house.home, house.settings, house.store.now()
    assert not standing(home, settings, None, now).late
    first = now - timedelta(days=3)
    assert standing(home, settings, first, now).late
    shelf = home.root / "backups"
    shelf.mkdir()
    finished(part_of(shelf, now - timedelta(days=1)))
    assert not standing(home, settings, first, now).late
    assert standing(home, settings, first, now + timedelta(days=2)).late


def evaluation(house: House) -> dg.AssetCheckEvaluation:
    job = definitions_for(str(house.home.root)).resolve_job_def("watch")
    with open_instance(house.home) as instance:
        result = job.execute_in_process(instance=instance, op_selection=["canary_backed_up"])
    (found,) = result.get_asset_check_evaluations()
    return found


def test_the_check_is_judged_with_the_canary(house: House) -> None:
    house.arrive("one")  # long ago by the machine's clock
    found = evaluation(house)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_a_lost_store_comes_back_and_the_daemon_takes_in_what_came_after(tmp_path: Path) -> None:
    """All of it as documented: real pictures, a real `up`, real commands."""
    root = tmp_path / "home"
    pictures = [tmp_path / f"{seed}.png" for seed in range(2)]
    for seed, path in enumerate(pictures):
        cv2.imwrite(str(path), painted(seed))
    assert run("ingest", pictures[0], "--wait", home=root).code == 0
    before = run("status", "--json", home=root).json
    assert run("backup", home=root).code == 0
    assert run("ingest", pictures[1], "--wait", home=root).code == 0
    cleaned = {path.name for path in (root / "cleaned").rglob("*.*")}
    with up(tmp_path):
        assert run("restore", "latest", home=root).code == 6
    shutil.rmtree(root / "store")
    shutil.rmtree(root / "dagster")
    done = run("restore", "latest", "--json", home=root)
    assert done.code == 0, done.err
    after = run("status", "--json", home=root).json
    assert after == before | {"inbox": 1}
    assert done.json["files"]["taken_in"] == 1
    with up(tmp_path):
        wait_for(
            lambda: {path.name for path in (root / "cleaned").rglob("*.*")} == cleaned or None, 240
        )
        wait_for(lambda: run("consistency", home=root).code == 0 or None, 60)
        with open_instance(Home(root)) as instance:
            assert len(instance.get_materialized_partitions(dg.AssetKey("cleaned_frames"))) == 2
