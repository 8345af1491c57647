"""Segments become one file that plays from end to end: every frame and sound of them, none anew."""

import os
from pathlib import Path

import pytest
from hls_server import GROUP, RATE, Live, counting, drawn, numbers_in
from joining_parts import (
    GROUPS,
    coded,
    counted,
    cut_at_keys,
    numbered_from,
    put,
    see,
    segments_of,
    shown,
    sounds_in,
    steps,
)
from recording_parts import paths_of, record

from supervisor_core.deadline import Worker
from supervisor_core.media.files import PART_SUFFIX
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.chapters import Chapter, Mark
from supervisor_core.recording.joining import join
from supervisor_core.recording.proof import Shown, alone_shows, frames_of, validate
from supervisor_core.recording.sameness import holds_the_same

SEGMENT_FRAMES = GROUPS * GROUP
FRAME = 90_000 // RATE
OPEN = "keyint=12:min-keyint=2:scenecut=0:b-adapt=0:bframes=2:open-gop=1"
CODECS = {"libx264": ("x264-params", OPEN), "libx265": ("x265-params", f"{OPEN}:log-level=none")}


def test_a_rotated_recording_plays_as_if_it_had_never_been_cut(tmp_path: Path) -> None:
    paths = put(tmp_path, counted())
    (part,) = join(paths, tmp_path / "out")
    seen = see(part.path)
    assert seen.numbers == list(range(100))
    assert steps(seen.times) == {FRAME}
    assert steps(seen.sounds[0]) == {1024}
    assert len(seen.sounds[0]) == sounds_in(paths)
    assert part.chapters == ()
    assert part.segments == (0, 1, 2, 3, 4)
    assert steps([round(start * 1000) for start in part.starts_s]) == {800}
    assert validate([part], paths, shown(paths)) == [100]


def test_the_index_stands_before_the_media(tmp_path: Path) -> None:
    (part,) = join(put(tmp_path, counted(40)), tmp_path / "out")
    content = part.path.read_bytes()
    assert 0 < content.find(b"moov") < content.find(b"mdat")


def test_a_gap_is_closed_up_and_begins_a_chapter(tmp_path: Path) -> None:
    first, _, _, second, last = put(tmp_path, counted())
    (part,) = join([first, second, last], tmp_path / "out")
    seen = see(part.path)
    assert seen.numbers == [*range(20), *range(60, 100)]
    assert steps(seen.times) == {FRAME}
    assert part.chapters == (
        Mark(0.0, "Beginning"),
        Mark(part.starts_s[1], "After a gap of 1.6 s"),
    )


def test_another_clock_goes_on_where_the_former_ended(tmp_path: Path) -> None:
    first, second = counted(40)
    back = numbered_from(500, 40, start_s=0.0)
    paths = put(tmp_path, [second, back, first])
    (part,) = join(paths, tmp_path / "out")
    seen = see(part.path)
    assert seen.numbers == [*range(20, 40), *range(500, 540), *range(20)]
    assert min(steps(seen.times)) == FRAME
    assert max(steps(seen.times)) < 4 * FRAME  # sound that ends later holds the pictures back
    assert min(steps(seen.sounds[0])) == 1024
    assert len(seen.sounds[0]) == sounds_in(paths)
    validate([part], paths, shown(paths))


def test_a_clock_that_jumps_within_a_segment_is_closed_up_too(tmp_path: Path) -> None:
    (whole,) = put(tmp_path, [counted(20)[0] + numbered_from(300, 20, start_s=50.0)])
    (part,) = join([whole], tmp_path / "out")
    seen = see(part.path)
    assert seen.numbers == [*range(20), *range(300, 320)]
    assert max(steps(seen.times)) < 4 * FRAME
    assert len(seen.sounds[0]) == sounds_in([whole])
    assert [mark.title[:18] for mark in part.chapters] == ["Beginning", "After a gap of 49."]


def test_the_clock_may_wrap_between_and_within_segments(tmp_path: Path) -> None:
    groups = drawn(tuple(range(60)), 2**33 / 90_000 - 1.0)
    paths = put(tmp_path, segments_of(groups))
    (part,) = join(paths, tmp_path / "out")
    seen = see(part.path)
    assert seen.numbers == list(range(60))
    assert steps(seen.times) == {FRAME}
    assert steps(seen.sounds[0]) == {1024}


def test_what_was_recorded_twice_stays_so(tmp_path: Path) -> None:
    groups = counting(60)
    paths = put(tmp_path, [b"".join(groups[:3]), b"".join(groups[2:])])
    (part,) = join(paths, tmp_path / "out")
    seen = see(part.path)
    assert seen.numbers == numbers_in(paths)
    assert min(steps(seen.times)) == FRAME
    assert [mark.title for mark in part.chapters] == ["Beginning", "After a gap"]


def test_sound_may_be_missing_for_a_while(tmp_path: Path) -> None:
    silent = drawn(tuple(range(20, 40)), 20 / RATE, sound=False)
    first, _, last = counted(60)
    paths = put(tmp_path, [first, b"".join(silent), last])
    (part,) = join(paths, tmp_path / "out")
    seen = see(part.path)
    assert seen.numbers == list(range(60))
    assert max(steps(seen.times)) <= 3 * FRAME
    assert len(seen.sounds[0]) == sounds_in([paths[0], paths[2]])
    assert max(steps(seen.sounds[0])) == pytest.approx(0.8 * 48000, abs=6000)
    assert join(paths[1:], tmp_path / "late")[0].sounds == (sounds_in([paths[2]]),)


@pytest.mark.parametrize("sound", ["mp2", "ac3", "aac"])
def test_other_sound_is_copied_as_well(tmp_path: Path, sound: str) -> None:
    options = (("x264-params", "keyint=12:scenecut=0"),)
    paths = put(tmp_path, cut_at_keys(coded("libx264", options, sound), 2))
    (part,) = join(paths, tmp_path / "out")
    assert part.sounds == (sounds_in(paths),)
    assert len(steps(see(part.path).sounds[0])) == 1
    assert validate([part], paths, shown(paths)) == [72]


@pytest.mark.parametrize("codec", CODECS)
def test_pictures_that_lean_over_a_cut_are_whole_again(tmp_path: Path, codec: str) -> None:
    paths = put(tmp_path, cut_at_keys(coded(codec, (CODECS[codec],)), 2))
    alone = shown(paths)
    assert sum(one.frames for one in alone) < 72
    (part,) = join(paths, tmp_path / "out")
    assert see(part.path).numbers == list(range(72))
    assert sum(part.restored) == 72 - sum(one.frames for one in alone)
    assert validate([part], paths, alone) == [72]


@pytest.mark.parametrize("codec", CODECS)
def test_after_a_gap_they_are_left_out_as_no_player_shows_them(tmp_path: Path, codec: str) -> None:
    first, _, _, last = put(tmp_path, cut_at_keys(coded(codec, (CODECS[codec],)), 1))[:4]
    parts = join([first, last], tmp_path / "out")
    alone = shown([first, last])
    assert [see(part.path).numbers for part in parts] == [numbers_in([first]), numbers_in([last])]
    assert validate(parts, [first, last], alone) == [one.frames for one in alone]


def test_a_picture_that_its_source_did_not_complete_is_left_out(tmp_path: Path) -> None:
    groups = counting(40)
    whole = b"".join(groups[:2])
    follows = b"".join(groups[3:])
    for packets in range(80, 100, 3):
        folder = tmp_path / str(packets)
        paths = put(folder, [whole[: 188 * packets], follows])
        (part,) = join(paths, folder / "out")
        numbers = see(part.path).numbers
        ends = numbers.index(30)
        assert numbers == [*sorted(numbers[:ends]), *range(30, 40)]
        assert validate([part], paths) == [len(numbers)]


def test_another_form_begins_another_file(tmp_path: Path) -> None:
    options = (("x264-params", "keyint=12:scenecut=0:bframes=0"),)
    other = cut_at_keys(coded("libx264", options), 3)
    mine = counted(40)
    paths = put(tmp_path, [mine[0], *other, mine[1]])
    parts = join(paths, tmp_path / "out", [Chapter(0, "one"), Chapter(2, "two", 0.2)])
    assert [part.segments for part in parts] == [(0,), (1, 2), (3,)]
    assert [part.path.name for part in parts] == [f"part_00{n}.mp4" for n in (1, 2, 3)]
    assert [see(part.path).numbers for part in parts] == [
        list(range(20)),
        list(range(72)),
        list(range(20, 40)),
    ]
    assert [len(part.chapters) for part in parts] == [1, 2, 0]
    assert validate(parts, paths, shown(paths)) == [20, 72, 20]


def test_titles_are_told_where_they_change(tmp_path: Path) -> None:
    first, _, _, last = put(tmp_path, counted(80))
    asked = [Chapter(0, "Bühne\0 1"), Chapter(0, "x" * 500, 0.4), Chapter(1, "Saal", 0.1)]
    (part,) = join([first, last], tmp_path / "out", asked)
    starts = part.starts_s
    assert [mark.title for mark in part.chapters] == ["Bühne 1", "x" * 200, "Saal"]
    assert [mark.start_s for mark in part.chapters] == pytest.approx(
        [0.0, starts[0] + 0.4, starts[1] + 0.1]
    )


@pytest.mark.parametrize(
    "name", ["-y.ts", "a'b|c.ts", "concat:x.ts", "%03d.ts", "-i http:.ts", "ä\n\\.ts", "pipe:.ts"]
)
def test_a_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name.removesuffix(".ts")
    folder.mkdir()
    path = folder / name
    path.write_bytes(counted(20)[0])
    (part,) = join([path], folder)
    assert see(part.path).numbers == list(range(20))
    assert sorted(one.name for one in folder.iterdir()) == sorted([name, "part_001.mp4"])


def test_what_mp4_can_not_hold_is_told(tmp_path: Path) -> None:
    old = coded("mpeg2video", (("g", "12"),))
    with pytest.raises(Failed) as failed:
        join(put(tmp_path, [counted(20)[0], old]), tmp_path / "out")
    assert failed.value.reason is Reason.NOT_JOINABLE
    changes = counted(20)[0] + coded("libx264", (("x264-params", "bframes=0"),))
    with pytest.raises(Failed) as failed:
        join(put(tmp_path, [changes]), tmp_path / "out")
    assert failed.value.reason is Reason.NOT_JOINABLE


def test_only_sound_or_nothing_at_all_is_told(tmp_path: Path) -> None:
    tables = counted(20)[0][: 188 * 3]
    with pytest.raises(Failed) as failed:
        join(put(tmp_path, [tables]), tmp_path / "out")
    assert failed.value.reason is Reason.NO_VIDEO_STREAM
    paths = put(tmp_path, [counted(40)[0], tables, counted(40)[1]])
    (part,) = join(paths, tmp_path / "out")
    assert part.segments == (0, 2)
    assert see(part.path).numbers == list(range(40))


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path: Path) -> None:
    space = os.statvfs(tmp_path)
    paths = put(tmp_path, counted(20))
    with pytest.raises(Failed) as failed:
        join(paths, tmp_path / "out", (), space.f_bavail * space.f_frsize)
    assert failed.value.reason is Reason.DISK_FULL
    assert list((tmp_path / "out").iterdir()) == []


def test_a_frame_that_is_missing_doubled_or_another_is_found(tmp_path: Path) -> None:
    paths = put(tmp_path, counted(60))
    (part,) = join(paths, tmp_path / "out")
    others = put(tmp_path, segments_of(drawn(tuple(range(100, 160)))), "other")
    fewer = put(tmp_path, [b"".join(counting(60)[2:3])], "fewer")
    for wrong in ([others[0], *paths[1:]], [paths[0], fewer[0], paths[2]]):
        with pytest.raises(Failed) as failed:
            validate([part], wrong, shown(wrong))
        assert failed.value.reason is Reason.JOINED_DIFFERS
    (longer,) = join([*paths, paths[-1]], tmp_path / "longer")
    with pytest.raises(Failed):
        validate([longer.__class__(**{**vars(longer), **_members(part)})], paths, shown(paths))


def _members(part: object) -> dict[str, object]:
    return {name: getattr(part, name) for name in ("segments", "restored", "cut")}


@pytest.mark.parametrize("codec", CODECS)
def test_coded_pictures_are_compared_where_looks_deceive(tmp_path: Path, codec: str) -> None:
    paths = put(tmp_path, cut_at_keys(coded(codec, (CODECS[codec],)), 2))
    (part,) = join(paths, tmp_path / "out")
    assert holds_the_same(part, paths)
    deceived = [Shown(one.frames, "another look") for one in shown(paths)]
    assert validate([part], paths, deceived) == [72]
    others = put(tmp_path, cut_at_keys(coded(codec, (CODECS[codec],), frames=73), 2), "other")
    assert not holds_the_same(part, others)
    assert not holds_the_same(part, [paths[0], *paths[:-1]])


def test_it_runs_in_the_child_that_is_killed_at_its_limit(tmp_path: Path) -> None:
    paths = put(tmp_path, counted())
    heard: list[tuple[int, int]] = []
    with Worker(preload=["supervisor_core.recording.proof"]) as worker:
        parts = worker.call(
            join,
            paths,
            tmp_path / "out",
            [],
            limit_s=60,
            on_progress=lambda *far: heard.append(far),
        )
        assert worker.call(validate, parts, paths, limit_s=60) == [100]
        assert worker.call(frames_of, parts[0].path, limit_s=60) == 100
    assert heard
    assert all(done <= total for done, total in heard)
    assert not list((tmp_path / "out").glob(f"*{PART_SUFFIX}"))


def test_what_a_recorder_made_of_a_stream_that_broke_is_one_film(tmp_path: Path) -> None:
    with Live(counting(120), step=6, breaks_on=6).open() as live:
        recording = record(live, tmp_path / "session", groups=2)
    paths = paths_of(recording)
    assert len(paths) >= 3
    known = [Shown(one.inspected.frames, one.inspected.signature) for one in recording.segments]
    (part,) = join(paths, tmp_path / "out")
    seen = see(part.path)
    assert seen.numbers == numbers_in(paths) == list(range(seen.numbers[0], 120))
    assert steps(seen.times) == {FRAME}
    assert validate([part], paths, known) == [len(seen.numbers)]


def test_a_segment_without_any_whole_picture_holds_nobody_up(tmp_path: Path) -> None:
    groups = counting(40)
    headless = groups[0][: 188 * 3] + groups[1][188 * 8 :]  # its key picture is missing
    paths = put(tmp_path, [headless, b"".join(groups[2:])])
    parts = join(paths, tmp_path / "out")
    assert [part.segments for part in parts] == [(1,)]
    assert validate(parts, paths) == [20]


def test_what_a_segment_shows_is_the_same_to_the_recorder_and_to_the_proof(tmp_path: Path) -> None:
    paths = put(tmp_path, counted(40))
    assert [alone_shows(path) for path in paths] == shown(paths)
