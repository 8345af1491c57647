"""What lies in the inbox, and which of it makes an intake now."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor_core.inbox.listing import Entry, Listing, list_inbox, still_there
from supervisor_core.inbox.plan import BATCH, Plan, is_video, plan, profile_of, returned
from supervisor_core.keys import fingerprint
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Arrival

NOW_S = 1_760_000_000.0
SETTLE_S = 2.0


def entry(path: str, age_s: float = 10.0, size_bytes: int = 5, **changes: object) -> Entry:
    touched_ns = int((NOW_S - age_s) * 1e9)
    return Entry(path, size_bytes, touched_ns, touched_ns, True)._replace(**changes)


def listing(*entries: Entry) -> dict:
    return {entry.fingerprint: entry for entry in entries}


def decide(*entries: Entry, known: object = (), **options: object) -> Plan:
    waiting = options.pop("waiting", {})
    return plan(listing(*entries), known, waiting, NOW_S, SETTLE_S, **options)


def paths(found: Plan) -> list[list[str]]:
    return [[file.path for file in new.arrivals] for new in found.intakes]


def test_each_video_is_an_intake_and_stills_of_a_folder_are_one() -> None:
    found = decide(
        entry("a.mp4", 30), entry("b.MOV", 29), entry("x/1.png"), entry("x/2.dcm"), entry("y/3.jpg")
    )
    assert paths(found) == [["a.mp4"], ["b.MOV"], ["x/1.png", "x/2.dcm"], ["y/3.jpg"]]
    assert [new.kind for new in found.intakes] == ["video", "video", "stills", "stills"]


def test_what_the_store_knows_is_left_alone() -> None:
    old, new = entry("old.mp4"), entry("new.mp4")
    assert paths(decide(old, new, known={old.fingerprint})) == [["new.mp4"]]


def test_a_key_shows_the_day_and_no_name() -> None:
    key = decide(entry("Erika Mustermann.mp4")).intakes[0].key
    assert key.startswith("20251009_")
    assert len(key) == 19
    assert key == decide(entry("Erika Mustermann.mp4")).intakes[0].key


@pytest.mark.parametrize("times", [{"mtime_ns": 0}, {"ctime_ns": 0}])
def test_a_file_counts_only_when_content_and_name_are_old_enough(times: dict) -> None:
    """`cp -p` sets an old mtime at the end, a rename only the ctime: both must be old."""
    fresh = entry("a.mp4", 0.5, **times)
    found = decide(fresh)
    assert not found.intakes
    assert found.waiting == {fresh.fingerprint: NOW_S}


def test_a_file_with_a_time_to_come_settles_by_looking_the_same() -> None:
    ahead = entry("a.mp4", -3600)
    assert not decide(ahead, waiting={ahead.fingerprint: NOW_S - 1}).intakes
    assert decide(ahead, waiting={ahead.fingerprint: NOW_S - 2}).intakes


def test_a_folder_of_stills_waits_for_its_last_one() -> None:
    still_coming = decide(entry("x/1.png", 20), entry("x/2.png", 0.5), entry("y/1.png", 20))
    assert paths(still_coming) == [["y/1.png"]]
    assert len(still_coming.waiting) == 2


def test_a_folder_waits_while_something_in_it_is_called_unfinished() -> None:
    assert not decide(entry("x/1.png"), unfinished=[entry("x/2.png.part", 0.5)]).intakes
    assert decide(entry("x/1.png"), unfinished=[entry("x/2.png.part", 500)]).intakes


def test_a_folder_that_never_gets_quiet_is_taken_after_a_minute() -> None:
    assert decide(entry("x/1.png", 61), entry("x/2.png", 0.5)).intakes


def test_a_full_batch_does_not_wait_and_no_batch_is_larger() -> None:
    stills = [entry(f"x/{number:04}.png") for number in range(BATCH + 10)]
    found = decide(*stills, entry("x/last.png", 0.1))
    assert [len(new.arrivals) for new in found.intakes] == [BATCH]
    assert len(found.waiting) == 11


def test_more_than_the_limit_waits_and_the_oldest_come_first() -> None:
    found = decide(*(entry(f"{number}.mp4", 10 + number) for number in range(70)), limit=50)
    assert len(found.intakes) == 50
    assert found.deferred == 20
    assert paths(found)[0] == ["69.mp4"]
    assert not found.idle


def test_the_first_folder_may_name_the_profile() -> None:
    known = {"upload", "archive"}
    assert profile_of("archive/ward/a.mp4", known) == "archive"
    assert profile_of("ward/archive/a.mp4", known) == "upload"
    assert profile_of("archive", known) == "upload"


def test_a_file_that_was_taken_and_is_back_unchanged_is_a_new_sighting() -> None:
    back, taken = entry("a.mp4", ctime_ns=7), entry("b.mp4")
    here = Listing(listing(back, taken))
    known = {back.fingerprint: Arrival.IMPORTED, taken.fingerprint: Arrival.SEEN}
    again = returned(here, known)
    assert list(again.values()) == [back]
    assert next(iter(again)) != back.fingerprint


@pytest.mark.parametrize(
    ("name", "video"), [("a.mp4", True), ("a.MKV", True), ("mp4", False), ("a.png", False)]
)
def test_a_video_is_told_by_its_name_alone(name: str, video: bool) -> None:
    assert is_video(name) is video


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a/", "a/b/", "upload/"]),
            st.sampled_from(["clip{}.mp4", "{}.png", "{}", "{}.txt"]),
            st.floats(-5, 100),
        ),
        max_size=30,
    )
)
def test_every_file_is_in_one_intake_or_still_waited_for(drops: list) -> None:
    entries = [
        entry(folder + name.format(number), age_s)
        for number, (folder, name, age_s) in enumerate(drops)
    ]
    found = decide(*entries)
    taken = [file.fingerprint for new in found.intakes for file in new.arrivals]
    assert len(taken) == len(set(taken))
    assert set(taken) | set(found.waiting) == set(listing(*entries))
    assert not set(taken) & set(found.waiting)
    young = {e.fingerprint for e in entries if NOW_S - e.newest_ns / 1e9 < SETTLE_S}
    assert not young & set(taken)


def test_a_listing_opens_nothing_and_follows_nothing(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.mp4").write_bytes(b"x")
    inbox = tmp_path / "inbox"
    (inbox / "ward" / "deep").mkdir(parents=True)
    (inbox / "ward" / "deep" / "a.mp4").write_bytes(b"12345")
    (inbox / "link.mp4").symlink_to(outside / "secret.mp4")
    (inbox / "folder").symlink_to(outside)
    os.mkfifo(inbox / "pipe.mp4")
    found = {entry.path: entry for entry in list_inbox(inbox).entries.values()}
    assert set(found) == {"ward/deep/a.mp4", "link.mp4", "folder", "pipe.mp4"}
    assert [path for path, entry in found.items() if entry.regular] == ["ward/deep/a.mp4"]
    assert found["ward/deep/a.mp4"].size_bytes == 5


def test_hidden_and_unfinished_names_are_no_arrivals(tmp_path: Path) -> None:
    names = [
        ".hidden.mp4",
        "a.mp4.part",
        "b.crdownload",
        "c.TMP",
        "~$d.docx",
        "e.lock",
        "Thumbs.db",
    ]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".trash").mkdir()
    (tmp_path / ".trash" / "a.mp4").write_bytes(b"x")
    found = list_inbox(tmp_path)
    assert not found.entries
    assert {e.path for e in found.unfinished} == {
        "a.mp4.part", "b.crdownload", "c.TMP", "~$d.docx", "e.lock",
    }  # fmt: skip


def test_names_that_are_no_text_and_odd_ones_are_listed(tmp_path: Path) -> None:
    names = [b"\xff\xfe.mp4", b"-y.mp4", b"http:x.mp4", b"%03d.png", b"'\".mp4", b"line\nbreak.mp4"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    found = list_inbox(tmp_path)
    assert sorted(os.fsencode(e.path) for e in found.entries.values()) == sorted(names)
    assert found.digest == list_inbox(tmp_path).digest


def test_an_inbox_that_cannot_be_listed_is_an_error_and_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(Failed) as failed:
        list_inbox(tmp_path / "missing")
    assert failed.value.reason is Reason.IO_ERROR


def test_a_listing_changes_with_what_is_there(tmp_path: Path) -> None:
    empty = list_inbox(tmp_path).digest
    (tmp_path / "a.mp4").write_bytes(b"x")
    one = list_inbox(tmp_path).digest
    (tmp_path / "a.mp4").write_bytes(b"xy")
    assert len({empty, one, list_inbox(tmp_path).digest}) == 3


def test_still_there_means_the_very_same_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    seen = next(iter(list_inbox(tmp_path).entries.values()))
    assert still_there(tmp_path, seen)
    (tmp_path / "a.mp4").write_bytes(b"xy")
    assert not still_there(tmp_path, seen)
    (tmp_path / "a.mp4").unlink()
    assert not still_there(tmp_path, seen)


@given(st.text(max_size=8), st.text(max_size=8), st.integers(0, 9), st.integers(0, 9))
def test_fingerprints_differ_where_sightings_differ(a: str, b: str, size: int, time: int) -> None:
    first = fingerprint("inbox", f"{a}.x", size, time)
    assert (first == fingerprint("inbox", f"{b}.x", size, time)) == (a == b)
    assert first != fingerprint("inbox", f"{a}.x", size + 1, time)
    assert first != fingerprint("inbox", f"{a}.x", size, time, again_ns=3)
