"""Looking the store over: whatever does not fit is found, and nothing else."""

import json
import os
from pathlib import Path

import pytest
from command import run
from pipeline_parts import House

from supervisor_core.care.consistency import Look, everything, look_over, tonight
from supervisor_core.care.flaws import Flaw
from supervisor_core.care.pruning import prune
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store import attempts, media, outputs
from supervisor_core.store.traces import trace


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def intake(house: House) -> IntakeKey:
    key = house.arrive("one", "two", "frame_level = DECODE_FAILED\nroi_mask = DECODE_FAILED")
    house.clean(key)
    house.pipeline.thumbnails(key)
    return key


def flaws(look: Look) -> list[tuple[Flaw, str]]:
    return sorted((one.flaw, one.subject) for one in look.findings)


def only(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def stranger(house: House, place: str, hours_ago: int = 0) -> None:
    path = house.home.root / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    at = house.store.now().timestamp() - 3601 * hours_ago
    os.utime(path, (at, at))


@pytest.mark.usefixtures("intake")
def test_what_the_pipeline_leaves_fits(house: House) -> None:
    found = house.pipeline.do(look_over, everything)
    assert flaws(found) == []
    assert (found.rows, found.files, found.hashed, found.unread) == (5, 7, 5, 0)
    assert house.progress[-1] == (5, 5)


@pytest.mark.usefixtures("intake")
def test_a_file_without_proof_in_the_public_tree_is_found_at_once(house: House) -> None:
    stranger(house, "cleaned/ab/abc.png")
    assert flaws(house.pipeline.do(look_over)) == [(Flaw.UNPROVEN, "cleaned/ab/abc.png")]


@pytest.mark.usefixtures("intake")
def test_a_published_file_that_is_not_verified_any_more_is_without_proof(house: House) -> None:
    with house.store.write() as connection:
        connection.execute("UPDATE output SET verified_at = NULL")
    assert set(house.pipeline.do(look_over).counts) == {Flaw.UNPROVEN}


@pytest.mark.usefixtures("intake")
def test_what_nobody_knows_is_told_once_it_can_not_be_under_way(house: House) -> None:
    for place in ("raw/aa/aaa.png", "aside/aa/b.png", "thumbnails/aa/c.jpg"):
        stranger(house, place)
    assert flaws(house.pipeline.do(look_over)) == []
    for place in ("raw/aa/aaa.png", "thumbnails/aa/c.jpg"):
        stranger(house, place, hours_ago=1)
    assert flaws(house.pipeline.do(look_over)) == [
        (Flaw.UNLISTED, "raw/aa/aaa.png"),
        (Flaw.UNLISTED, "thumbnails/aa/c.jpg"),
    ]


def test_a_file_that_is_gone_or_cut_is_told_of_its_media(house: House, intake: IntakeKey) -> None:
    with house.store.read() as connection:
        members = media.of_intake(connection, intake)
        made = outputs.current(connection, [one.media for one in members])
    first, second = (one for one in members if one.media in made)
    house.home.absolute(first.raw_path).unlink()
    path = made[second.media].path
    assert path is not None
    os.truncate(house.home.absolute(path), 3)
    assert flaws(house.pipeline.do(look_over)) == [
        (Flaw.FILE_CHANGED, second.media),
        (Flaw.RAW_MISSING, first.media),
    ]


@pytest.mark.usefixtures("intake")
def test_a_bit_that_has_turned_is_seen_only_by_reading(house: House) -> None:
    path = only(house.home.raw)[0]
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    assert flaws(house.pipeline.do(look_over)) == []
    assert set(house.pipeline.do(look_over, everything).counts) == {Flaw.RAW_CHANGED}


def test_every_file_has_its_night(house: House) -> None:
    hashes = [f"{number:04x}" + "0" * 60 for number in range(0, 65536, 97)]
    nights = []
    for _ in range(32):
        nights.append({one for one in hashes if tonight(house.store.now())(one)})
        house.clock.turn(86_400)
    assert set().union(*nights) == set(hashes)
    assert sum(map(len, nights)) == len(hashes)


@pytest.mark.usefixtures("intake")
def test_rows_that_contradict_each_other_are_told(house: House) -> None:
    with house.store.write() as connection:
        connection.execute(
            "INSERT INTO output SELECT * REPLACE ('other' AS policy) FROM output LIMIT 1"
        )
        connection.execute("UPDATE arrival SET media = 'f' || media WHERE ordinal = 2")
    assert house.pipeline.do(look_over).counts == {Flaw.TWO_CURRENT: 1, Flaw.ROW_ALONE: 1}


def test_a_disk_that_hangs_ends_the_look(house: House) -> None:
    class Hung:
        def call(self, *_: object, **__: object) -> object:
            raise Failed(Reason.TIMEOUT)

    house.worker = Hung()  # type: ignore[assignment]
    with pytest.raises(Failed) as failed:
        house.pipeline.do(look_over)
    assert failed.value.reason is Reason.TIMEOUT


# Old attempts


def test_of_old_attempts_the_newest_of_each_kind_stays(house: House) -> None:
    key = house.arrive("frame_level = TIMEOUT")
    house.clean(key)
    for _ in range(3):
        house.pipeline.send_back(key, everything=True)
        house.clean(key)
    house.clock.turn(100 * 86_400)
    counted = house.pipeline.do(prune, 90 * 86_400, dry_run=True)
    assert counted.attempts >= 6
    before = _attempts(house)
    assert house.pipeline.do(prune, 90 * 86_400, dry_run=False) == counted
    after = _attempts(house)
    assert len(before) - len(after) == counted.attempts
    kinds = {(one.step, one.level, one.outcome) for one in before}
    assert {(one.step, one.level, one.outcome) for one in after} == kinds
    assert house.pipeline.do(prune, 90 * 86_400, dry_run=False).attempts == 0
    assert house.pipeline.do(prune, 0, dry_run=True).attempts == 0


def _attempts(house: House) -> list[attempts.Attempt]:
    with house.store.read() as connection:
        known = {one[0] for one in connection.execute("SELECT media FROM media").fetchall()}
        return attempts.of_media(connection, known)


# For people


def test_a_trace_tells_all_from_the_arrival_on(house: House, intake: IntakeKey) -> None:
    with house.store.read() as connection:
        (last,) = (m for m in media.of_intake(connection, intake) if "aside" in m.raw_path)
        told = trace(connection, last.media)
    assert [(one.event, one.of, one.reason) for one in told if one.outcome == "failed"] == [
        ("mask", "frame_level", "DECODE_FAILED"),
        ("mask", "roi_mask", "DECODE_FAILED"),
    ]
    assert told[0].event == "import"
    assert [one.happened for one in told] == sorted(one.happened for one in told)


@pytest.mark.campaign
def test_the_commands(house: House, intake: IntakeKey) -> None:
    root = house.home.root
    fine = run("consistency", "--hashes", "--json", home=root)
    assert (fine.code, fine.json["findings"], fine.json["hashed"]) == (0, [], 5)
    only(house.home.raw)[0].unlink()
    ran = run("consistency", home=root)
    assert ran.code == 1
    assert "raw_missing" in ran.out
    assert Flaw.RAW_MISSING.next_step in ran.err
    with house.store.read() as connection:
        (first, *_) = media.of_intake(connection, intake)
        looks = connection.execute("SELECT findings FROM consistency_look ORDER BY started")
        assert [row[0] for row in looks.fetchall()] == [0, 1]
    steps = [row["event"] for row in run("trace", first.media[:16], "--json", home=root).json]
    assert steps[0] == "import"
    assert "mask" in steps
    assert run("trace", "0" * 16, home=root).code == 2
    told = json.loads(run("prune", "--json", home=root).out)
    assert told == {"attempts": 0, "questions": 0, "applied": False}
