"""`ingest`, `status` and `sql` over one home: what goes in, and what can be asked about it."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command import Ran, run, start
from media_builders import write_video

NAME = "Erika Mustermann"


def picture() -> np.ndarray:
    pixels = np.full((240, 420, 3), 70, np.uint8)
    cv2.putText(pixels, NAME, (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (255, 255, 255), 2)
    return pixels


@dataclass(frozen=True)
class Done:
    """A home into which a folder was ingested, and what the command told."""

    home: Path
    folder: Path
    ran: Ran
    before: dict[str, tuple[int, bytes]]

    def fate(self, name: str) -> dict[str, Any]:
        return next(one for one in self.ran.json["files"] if one["file"].endswith(f"/{name}"))


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    root = tmp_path_factory.mktemp("ingest")
    folder = root / NAME
    (folder / "stills").mkdir(parents=True)
    cv2.imwrite(str(folder / "stills" / "one.png"), picture())
    cv2.imwrite(str(folder / "stills" / "two.png"), picture()[:, ::-1])
    write_video(folder / "-y.mp4", [picture()] * 3)
    (folder / "again.mp4").write_bytes((folder / "-y.mp4").read_bytes())
    (folder / "text.mp4").write_text(f"{NAME}\n" * 30)
    (folder / "empty.png").touch()
    (folder / "link.mp4").symlink_to("/etc/passwd")
    (folder / ".hidden.mp4").touch()
    (folder / "copy.mp4.part").touch()
    os.mkfifo(folder / "pipe.mp4")
    before = contents(folder)
    ran = run("ingest", folder, folder / "gone.mp4", "--json", home=root / "home")
    return Done(root / "home", folder, ran, before)


def test_every_file_has_its_fate(done: Done) -> None:
    assert done.ran.code == 3, done.ran.err
    told = {one["file"].rpartition("/")[2]: one["reason"] for one in done.ran.json["files"]}
    assert told == {
        "one.png": None,
        "two.png": None,
        "-y.mp4": None,
        "again.mp4": None,
        "text.mp4": "DISGUISED_FILE",
        "empty.png": "FILE_EMPTY",
        "link.mp4": "NOT_A_FILE",
        "pipe.mp4": "NOT_A_FILE",
        "gone.mp4": "FILE_NOT_FOUND",
    }
    assert done.ran.json["not_anonymized"] == 5
    assert "Left out 2 hidden or unfinished names." in done.ran.err


def test_what_came_in_is_verified(done: Done) -> None:
    for name in ("one.png", "two.png", "-y.mp4", "again.mp4"):
        fate = done.fate(name)
        assert (fate["verified"], fate["level"]) == (True, "frame_level")
        assert (done.home / fate["output"]).is_file()
    states = {done.fate("-y.mp4")["state"], done.fate("again.mp4")["state"]}
    assert states == {"imported", "duplicate"}
    assert done.fate("one.png")["intake"] == done.fate("two.png")["intake"]


def test_the_originals_are_untouched(done: Done) -> None:
    assert contents(done.folder) == done.before


def test_the_inbox_is_left_empty(done: Done) -> None:
    assert list((done.home / "inbox").iterdir()) == []


def test_it_is_seen_in_lineage(done: Done) -> None:
    from dagster import AssetKey, DagsterInstance

    with DagsterInstance.from_config(str(done.home / "dagster")) as instance:
        cleaned = instance.get_materialized_partitions(AssetKey("cleaned_frames"))
    verified = {one["intake"] for one in done.ran.json["files"] if one["verified"]}
    assert cleaned == verified


def test_no_name_is_left_where_anybody_may_read(done: Done) -> None:
    words = [word.encode() for word in (NAME, "Mustermann", "gone.mp4", "two.png")]
    kept = (done.home / "restricted.key", done.home / "raw", done.home / "refused")
    for path in done.home.rglob("*"):
        if path.is_file() and not any(path.is_relative_to(place) for place in kept):
            content = path.read_bytes()
            assert not any(word in content for word in words), path


@pytest.mark.campaign
def test_what_is_not_anonymized_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    cv2.imwrite(str(path), picture())
    no_time = {
        f"SUPERVISOR_{step}_{what}": "0.001" if what == "BASE_S" else "0"
        for step in ("FRAME_LEVEL", "ROI_MASK")
        for what in ("BASE_S", "RATE")
    }
    ran = run("ingest", path, home=tmp_path / "home", **no_time)
    assert ran.code == 3
    assert "raw_aside" in ran.out
    assert "1 of 1 files are NOT ANONYMIZED." in ran.err


def test_a_profile_nobody_knows_is_wrong_usage(done: Done, tmp_path: Path) -> None:
    ran = run("ingest", done.folder, "--profile", "nobody", home=tmp_path / "home", cwd=tmp_path)
    assert (ran.code, ran.err.split(":")[0]) == (2, "UNKNOWN_PROFILE")
    assert not (tmp_path / "home").exists()


@pytest.mark.campaign
def test_a_profile_decides(done: Done, tmp_path: Path) -> None:
    profiles = tmp_path / "home" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "tiny.toml").write_text("max_bytes = 10\n")
    path = done.folder / "stills" / "one.png"
    ran = run("ingest", path, "--profile", "tiny", "--json", home=tmp_path / "home")
    assert [one["reason"] for one in ran.json["files"]] == ["FILE_TOO_LARGE"]
    assert run("status", "--json", home=tmp_path / "home").json["latest"][0]["profile"] == "tiny"


@pytest.mark.campaign
def test_for_a_person_it_is_a_table_and_two_of_one_name_both_come_in(
    done: Done, tmp_path: Path
) -> None:
    paths = [tmp_path / name / "x.mp4" for name in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(f"{path.parent.name} is no video")
    ran = run("ingest", *paths, home=done.home)
    assert ran.code == 3
    rows = [line.split() for line in ran.out.splitlines()[1:]]
    assert [row[:4] for row in rows] == [
        [str(path), "refused", "no", "DISGUISED_FILE"] for path in paths
    ]
    assert rows[0][4] != rows[1][4]
    assert "DISGUISED_FILE (2): " in ran.err
    assert "2 of 2 files were refused." in ran.err
    assert "asset check" not in ran.err  # Dagster's own words about steps that were skipped


@pytest.mark.campaign
def test_a_full_disk_leaves_nothing_in_the_inbox(done: Done, tmp_path: Path) -> None:
    reserve = {"SUPERVISOR_RESERVE_BYTES": str(10**18)}
    ran = run("ingest", done.folder / "-y.mp4", home=tmp_path / "home", **reserve)
    assert (ran.code, ran.err.split(":")[0]) == (1, "DISK_FULL")
    assert list((tmp_path / "home" / "inbox").iterdir()) == []


def working(home: Path) -> bool:
    """True when a child has written into an attempt's folder: the work is under way."""
    return any((home / "work").glob("*/output.part"))


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    root = tmp_path_factory.mktemp("interrupted")
    cv2.imwrite(str(root / "one.png"), picture())
    command = ("ingest", root / "one.png", "--json")
    hang = {"SUPERVISOR_FAULT": "call.finished:hang:2"}  # the second call of the child masks
    with start(*command, home=root / "home", **hang) as process:
        until = time.monotonic() + 90
        while not working(root / "home") and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return root, Ran(process.returncode, out, err)


@pytest.mark.campaign
def test_an_interrupt_ends_it_and_says_how_to_go_on(interrupted: tuple[Path, Ran]) -> None:
    _, ran = interrupted
    assert ran.code == 130, ran.err
    assert ran.json["reason"] == "CANCELLED"
    assert "supervisor-assets up" in ran.err
    assert "Traceback" not in ran.err


def test_an_interrupt_leaves_the_item_to_be_gone_on_with(interrupted: tuple[Path, Ran]) -> None:
    root, _ = interrupted
    line = run("status", "--json", home=root / "home").json["latest"][0]
    assert (line["files"], line["under_way"]) == (1, 1)
    held = run("sql", "SELECT lease_owner FROM media", "--json", home=root / "home").json
    assert held == [{"lease_owner": None}]


def test_status_counts(done: Done) -> None:
    ran = run("status", "--json", home=done.home)
    assert ran.code == 0
    told = ran.json
    assert told["levels"] == {"frame_level": 3}
    assert told["inbox"] == 0
    assert told["home"] == str(done.home)
    keys = {line["intake"] for line in told["latest"]}
    assert {one["intake"] for one in done.ran.json["files"] if one["intake"]} <= keys
    for line in told["latest"]:
        ends = line["verified"] + line["refused"] + line["aside"] + line["under_way"]
        assert ends == line["files"]


def test_status_limits_the_list(done: Done) -> None:
    ran = run("status", "--limit", 1, home=done.home)
    assert len(ran.out.splitlines()) == 2
    assert "see more with --limit" in ran.err


def test_status_of_an_intake_says_whether_all_is_verified(done: Done) -> None:
    good, bad = done.fate("one.png")["intake"], done.fate("text.mp4")["intake"]
    assert run("status", good, home=done.home).code == 0
    ran = run("status", bad, "--json", home=done.home)
    assert ran.code == 3
    assert [one["reason"] for one in ran.json["files"]] == ["DISGUISED_FILE"]
    assert "text.mp4" not in ran.out
    assert run("status", "20200101_AAAAAAAAAA", home=done.home).code == 2


@pytest.mark.parametrize("command", [["status"], ["sql", "SELECT 1"]])
def test_looking_makes_no_home(command: list[str], tmp_path: Path) -> None:
    ran = run(*command, home=tmp_path / "nowhere")
    assert (ran.code, ran.err.split(":")[0]) == (1, "NO_STORE")
    assert list(tmp_path.iterdir()) == []


def test_sql_answers(done: Done) -> None:
    query = "SELECT kind, count(*) AS n, max(first_seen) AS last FROM media GROUP BY 1 ORDER BY 1"
    rows = run("sql", query, "--json", home=done.home).json
    assert [(row["kind"], row["n"]) for row in rows] == [("still", 2), ("video", 1)]
    lines = run("sql", query, home=done.home).out.splitlines()
    assert lines[0] == "kind\tn\tlast"
    assert len(lines) == 3


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM media",
        "CREATE TABLE x (a INTEGER)",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('{home}/restricted.key')",
        "SELECT * FROM glob('/etc/*')",
        "ATTACH '{home}/store/restricted.duckdb' AS r",
        "COPY media TO '{home}/cleaned/x.csv'",
        "EXPORT DATABASE '{home}/cleaned/x'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM arrival_name",
        "SELECT FROM WHERE",
    ],
)
def test_sql_changes_nothing_and_reaches_nothing_else(done: Done, query: str) -> None:
    store = done.home / "store" / "supervisor.duckdb"
    before = store.read_bytes()
    ran = run("sql", query.format(home=done.home), home=done.home)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("USAGE: ")
    assert store.read_bytes() == before
    assert list((done.home / "cleaned").glob("x*")) == []


@pytest.mark.campaign
def test_a_long_query_holds_nobody_up_and_can_be_stopped(done: Done) -> None:
    query = "SELECT count(*) FROM range(1000000000) a, range(1000000) b"
    with start("sql", query, home=done.home) as process:
        until = time.monotonic() + 60
        while not any((done.home / "store").glob(".query-*/*")) and time.monotonic() < until:
            time.sleep(0.02)
        counted = run("status", "--json", home=done.home, SUPERVISOR_STORE_WAIT_S="10")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert counted.code == 0
    assert process.returncode == 130, err
    assert list((done.home / "store").glob(".query-*")) == []
