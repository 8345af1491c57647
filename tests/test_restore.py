"""A restore loses nothing that came before or after the backup."""

import os
from pathlib import Path

import pytest
from backup_parts import INDEX, come_back, index_says, lose_store, made_of, reason_of, write_index
from backup_parts import house as house
from pipeline_parts import House, item
from store_builders import start_python

from supervisor_core.backup.contents import MAIN, RESTRICTED
from supervisor_core.backup.found_again import FoundAgain, look_for_files
from supervisor_core.backup.restoring import restore
from supervisor_core.care.consistency import look_over
from supervisor_core.reasons import Reason
from supervisor_core.states import Cleaning
from supervisor_core.store import media as media_table


def test_nothing_is_lost_that_came_before_or_after_the_backup(house: House) -> None:
    a = house.arrive("one", "name", "frame_level = DECODE_FAILED\nroi_mask = DECODE_FAILED")
    house.clean(a)
    house.pipeline.thumbnails(a)
    write_index(house, "before")
    backup = made_of(house).backup
    before = originals(house)
    states = [item(house, a, n).media for n in range(3)]
    b = house.arrive("two", "three")
    house.clean(b)
    house.pipeline.thumbnails(b)
    house.drop("later.png", "four")
    write_index(house, "after")
    lose_store(house)
    again, found = come_back(house, backup)
    assert [item(again, a, n).media for n in range(3)] == states
    assert (found.taken_in, found.thrown, found.missing, found.cleaned_again) == (2, 4, 0, 0)
    assert originals(again) == sorted([*before, "two", "three", "four"])
    assert again.pipeline.do(look_over).findings == ()
    assert index_says(again.home.root / INDEX) == ["before"]
    assert "after" in index_says(next(again.home.trash.glob(f"restored-*/{INDEX}")))
    # What was found comes in as what is dropped does.
    names = [
        path.relative_to(again.home.inbox).as_posix()
        for path in (again.home.root / found.inbox).iterdir()
    ]
    c = again.record(*map(again.see, names))
    again.pipeline.import_items(c)
    again.clean(c)
    assert {item(again, c, n).media.cleaning for n in range(2)} == {Cleaning.FRAME_LEVEL}  # type: ignore[union-attr]
    assert sorted(again.files("cleaned")) == sorted(
        f"frame_level of {word}" for word in ("one", "name", "two", "three")
    )
    assert again.pipeline.do(look_for_files) == FoundAgain()


def originals(house: House) -> list[str]:
    return sorted(text for place in ("inbox", "raw", "aside") for text in house.files(place))


def test_what_moved_since_is_put_where_its_row_says(house: House) -> None:
    a = house.arrive("one", "two")
    house.clean(a)
    backup = made_of(house).backup
    with house.store.read() as connection:
        first, second = media_table.of_intake(connection, a)
    raw = house.home.absolute(first.raw_path)
    aside = house.home.aside / raw.parent.name / raw.name
    aside.parent.mkdir()
    raw.rename(aside)
    for path in house.home.cleaned.rglob("*.png"):
        if path.read_text() == "frame_level of two":
            path.unlink()
    house.home.absolute(second.raw_path).touch()
    (house.home.refused / "20260504_AAAAAAAAAA-000").write_text("no")
    (house.home.recordings / "20260504_BBBBBBBBBB").mkdir()
    (house.home.work / "20260504_CCCCCCCCCC-001.taken").write_text("half way")
    again, found = come_back(house, backup)
    assert (found.moved, found.cleaned_again, found.refused) == (1, 1, 1)
    assert found.sessions == ("20260504_BBBBBBBBBB",)
    assert again.files(found.inbox) == ["half way"]
    assert raw.read_text() == "one"
    again.clean(a)
    assert again.files("cleaned") == ["frame_level of one", "frame_level of two"]
    assert again.pipeline.do(look_over).findings == ()


@pytest.mark.campaign
def test_a_dry_run_tells_the_same_and_changes_nothing(house: House) -> None:
    house.clean(house.arrive("one"))
    backup = made_of(house).backup
    house.clean(house.arrive("two"))
    before = state_of(house)
    restored = restore(house.home, house.settings, backup, house.store.now(), dry_run=True)
    assert restored.rows["media"] == 1
    assert state_of(house) == before


def state_of(house: House) -> dict[str, bytes]:
    paths = [*house.home.store.rglob("*"), *house.home.trash.rglob("*")]
    return {
        str(path): path.read_bytes()
        for path in paths
        if path.is_file() and path.suffix not in (".lock", ".turnstile")
    }


@pytest.mark.parametrize("other", [None, pytest.param("f" * 64, marks=pytest.mark.campaign)])
def test_without_the_key_only_the_identifiers_are_lost(house: House, other: str | None) -> None:
    a = house.arrive("one", "name")
    house.clean(a)
    backup = made_of(house).backup
    states = [item(house, a, n).media for n in range(2)]
    key = house.home.root / "restricted.key"
    key.unlink()
    if other:
        key.write_text(other)
        key.chmod(0o600)
    before, now = state_of(house), house.store.now()
    refused = reason_of(restore, house.home, house.settings, backup, now)
    assert refused is Reason.RESTRICTED_KEY_MISSING
    assert state_of(house) == before
    again, _ = come_back(house, backup, identifiers=False)
    assert [item(again, a, n).media for n in range(2)] == states
    with again.store.restricted() as connection:
        assert connection.execute("SELECT count(*) FROM identifier").fetchone() == (0,)
    b = again.arrive("new")
    again.clean(b)
    assert item(again, b).media.cleaning is Cleaning.FRAME_LEVEL  # type: ignore[union-attr]
    assert list(again.home.trash.glob(f"restored-*/{RESTRICTED}"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def lead_away(path: Path) -> None:
    copy = path.with_name("copy")
    path.rename(copy)
    path.symlink_to(copy)


def climb(path: Path) -> None:
    sums = path.parents[1] / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(MAIN, f"../x/{MAIN}"))


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("name", "break_"),
    [(MAIN, flip), (RESTRICTED, cut), (RESTRICTED, Path.unlink), (MAIN, lead_away), (MAIN, climb)],
)
def test_a_damaged_backup_is_refused_before_anything_is_touched(
    house: House, name: str, break_: object
) -> None:
    house.arrive("one")
    backup = made_of(house).backup
    house.arrive("two")
    break_(backup.path / name)  # type: ignore[operator]
    before = state_of(house)
    now = house.store.now()
    assert reason_of(restore, house.home, house.settings, backup, now) is Reason.BACKUP_DAMAGED
    assert state_of(house) == before


def test_one_of_a_newer_program_is_refused(house: House) -> None:
    with house.store.write() as connection:
        connection.execute("INSERT INTO migration VALUES (9999)")
    backup = made_of(house).backup
    with house.store.write() as connection:
        connection.execute("DELETE FROM migration WHERE version = 9999")
    before, now = state_of(house), house.store.now()
    assert reason_of(restore, house.home, house.settings, backup, now) is Reason.BAD_CONFIGURATION
    assert state_of(house) == before


def test_one_of_an_older_program_is_brought_up_to_date(house: House) -> None:
    a = house.arrive("one")
    with house.store.write() as connection:
        connection.execute("DROP TABLE alert_cause")
        connection.execute("DROP TABLE alert_message")
        connection.execute("DROP TABLE alert_delivery")
        connection.execute("DROP TABLE alert_position")
        connection.execute("DELETE FROM migration WHERE version = 11")
    backup = made_of(house).backup
    again, _ = come_back(house, backup)
    assert item(again, a).media is not None
    with again.store.read() as connection:
        assert connection.execute("SELECT count(*) FROM alert_cause").fetchone() == (0,)
        assert connection.execute("SELECT 11 IN (FROM migration)").fetchone() == (True,)


def test_what_the_operator_wrote_comes_back_only_where_it_is_gone(house: House) -> None:
    streams, names = house.home.root / "streams.toml", house.home.root / "names.txt"
    streams.write_text("[a]\n")
    names.write_text("Eva\n")
    backup = made_of(house).backup
    streams.write_text("[b]\n")
    names.unlink()
    restored = restore(house.home, house.settings, backup, house.store.now())
    assert restored.words == ("names.txt",)
    assert (streams.read_text(), names.read_text()) == ("[b]\n", "Eva\n")
    assert names.stat().st_mode & 0o777 == 0o600


RESTORING = """
import sys; sys.path[:0] = ["tests"]
from pathlib import Path
from store_builders import Clock, settings_for
from supervisor_core.backup.restoring import restore
from supervisor_core.backup.shelf import backups_in
folder = Path(sys.argv[1])
settings = settings_for(folder, reserve_bytes=0)
restore(settings.open_home(), settings, backups_in(folder / "backups")[0], Clock()())
"""


@pytest.mark.parametrize(
    "fault",
    [
        "restore.staged",
        "restore.moved:kill:2",
        *(
            pytest.param(fault, marks=pytest.mark.campaign)
            for fault in (
                "restore.decided",
                "restore.done",
                *(f"restore.moved:kill:{number}" for number in (1, 3, 4, 5, 6, 7)),
            )
        ),
    ],
)
def test_a_restore_that_is_killed_leaves_the_old_store_or_the_new(house: House, fault: str) -> None:
    house.arrive("one")
    write_index(house, "before")
    made_of(house)
    house.arrive("two")
    write_index(house, "after")
    with start_python(RESTORING, house.folder, SUPERVISOR_FAULT=fault) as process:
        assert process.wait(60) == -9
    again = House(house.folder, clock=house.clock)
    with again.store.write() as connection:
        (media,) = connection.execute("SELECT count(*) FROM media").fetchone() or (0,)
    with again.store.restricted() as connection:
        (names,) = connection.execute("SELECT count(*) FROM arrival_name").fetchone() or (0,)
    old = fault == "restore.staged"
    assert (media, names, index_says(again.home.root / INDEX)) == (
        (2, 2, ["before", "after"]) if old else (1, 1, ["before"])
    )
    assert again.pipeline.do(look_for_files).taken_in == (0 if old else 1)
    assert not (again.home.store / "restore.json").exists()
