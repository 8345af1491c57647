"""Cutting a stream loses no frame and doubles none, wherever it is cut, broken or begun again."""

from pathlib import Path

import pytest
from hls_server import GROUP, RATE, counting, drawn, numbers_in, numbers_of, samples_of_sound
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor_core.media.files import PART_SUFFIX
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording import pieces as pieces_of_segments
from supervisor_core.recording.clock import TICKS, Clock, unwrap
from supervisor_core.recording.inspection import inspect, samples_at
from supervisor_core.recording.looks import Look, alike
from supervisor_core.recording.packets import PACKET_BYTES, PacketFinder
from supervisor_core.recording.pieces import Limits
from supervisor_core.recording.recall import recall
from supervisor_core.recording.segment_file import Ending, Folder, salvage
from supervisor_core.recording.segmenter import Segmenter
from supervisor_core.recording.watching import Sample

ONE_GROUP = Limits(length_s=GROUP / RATE)
WRAP_S = 2**33 / TICKS


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def pieces(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def looks_of(samples: list[Sample]) -> list[Look]:
    return [sample.look for sample in samples]


def cut(folder: Folder, content: bytes, limits: Limits = ONE_GROUP, size: int = 4096) -> list[Path]:
    segmenter = Segmenter(folder, limits)
    for piece in pieces(content, size):
        segmenter.feed(piece)
    segmenter.end(Ending.ENDED)
    return [closed.path for closed in segmenter.closed]


@pytest.mark.parametrize("size", [1, 65536])
def test_every_frame_is_in_exactly_one_segment(folder: Folder, size: int) -> None:
    content = b"".join(counting(32 * GROUP))
    paths = cut(folder, content, size=size)
    assert len(paths) == 32
    assert paths == sorted(folder.path.glob("*.ts"))
    assert numbers_in(paths) == list(range(32 * GROUP))
    assert all(len(numbers_of(path.read_bytes())) == GROUP for path in paths)


def test_no_sound_is_lost_at_a_cut(folder: Folder) -> None:
    content = b"".join(counting(12 * GROUP))
    paths = cut(folder, content)
    whole = samples_of_sound(content)
    assert len(paths) == 12
    assert sum(samples_of_sound(path.read_bytes()) for path in paths) == whole


def test_one_after_the_other_the_segments_are_the_stream(folder: Folder) -> None:
    content = b"".join(counting(12 * GROUP))
    paths = cut(folder, content)
    assert numbers_of(b"".join(path.read_bytes() for path in paths)) == list(range(12 * GROUP))


def test_a_size_ends_a_segment(folder: Folder) -> None:
    content = b"".join(counting(12 * GROUP))
    paths = cut(folder, content, Limits(size_bytes=30_000))
    assert len(paths) > 3
    assert numbers_in(paths) == list(range(12 * GROUP))


def test_a_word_ends_a_segment(folder: Folder) -> None:
    segments = counting(4 * GROUP)
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(segments[0])
    segmenter.cut_soon()
    segmenter.feed(b"".join(segments[1:]))
    segmenter.end(Ending.DURATION)
    assert [closed.ending for closed in segmenter.closed] == [Ending.ASKED, Ending.DURATION]
    assert numbers_in([closed.path for closed in segmenter.closed]) == list(range(4 * GROUP))


def test_the_clock_may_wrap(folder: Folder) -> None:
    frames = tuple(range(12 * GROUP))
    content = b"".join(drawn(frames, WRAP_S - 6 * GROUP / RATE - 0.2))
    segmenter = Segmenter(folder, ONE_GROUP)
    segmenter.feed(content)
    segmenter.end(Ending.ENDED)
    assert len(segmenter.closed) == 12
    assert segmenter.jumps == []
    assert numbers_in([closed.path for closed in segmenter.closed]) == list(frames)


@pytest.mark.parametrize("start_s", [0.0, 90_000.0])
def test_another_clock_begins_another_segment(folder: Folder, start_s: float) -> None:
    first, second = drawn(tuple(range(3 * GROUP)), 500.0), drawn(tuple(range(50, 80)), start_s)
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(b"".join(first + second))
    segmenter.end(Ending.ENDED)
    assert [jump.missing_s for jump in segmenter.jumps] == [None]
    endings = [closed.ending for closed in segmenter.closed]
    assert endings == [Ending.DISCONTINUITY, Ending.ENDED]
    paths = [closed.path for closed in segmenter.closed]
    assert numbers_in(paths) == [*range(3 * GROUP), *range(50, 80)]


def test_a_clock_that_began_anew_is_not_waited_for(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is older than any playlist reaches back, and not known, is another clock's."""
    monkeypatch.setattr(pieces_of_segments, "REACH_S", 1.0)
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(b"".join(counting(10 * GROUP)))
    segmenter.end(Ending.DIED)
    segmenter.feed(b"".join(drawn(tuple(range(300, 300 + 5 * GROUP)))))
    assert segmenter.resumed
    assert segmenter.resumed.missing_s is None
    segmenter.end(Ending.ENDED)
    paths = [closed.path for closed in segmenter.closed]
    assert numbers_in(paths) == [*range(10 * GROUP), *range(300, 300 + 5 * GROUP)]


def test_media_that_are_missing_are_counted(folder: Folder) -> None:
    segments = counting(12 * GROUP)
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(b"".join(segments[:3] + segments[8:]))
    segmenter.end(Ending.ENDED)
    assert [jump.missing_s for jump in segmenter.jumps] == [pytest.approx(5 * GROUP / RATE)]


def test_a_break_tells_even_less_than_a_second(folder: Folder) -> None:
    segments = counting(12 * GROUP)
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(b"".join(segments[:3]))
    segmenter.end(Ending.DIED)
    segmenter.feed(b"".join(segments[4:]))
    segmenter.end(Ending.ENDED)
    assert segmenter.resumed
    assert segmenter.resumed.missing_s == pytest.approx(GROUP / RATE)
    assert segmenter.jumps == []


@settings(max_examples=8)
@given(at=st.integers(0, 40_000), lost=st.integers(1, 400), junk=st.binary(max_size=300))
def test_damage_costs_no_more_than_its_surroundings(
    at: int, lost: int, junk: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = b"".join(counting(12 * GROUP))
    hurt = content[:at] + junk + content[at + lost :]
    paths = cut(Folder(tmp_path_factory.mktemp("hurt")), hurt)
    damaged = at // 10_000 * GROUP
    intact = set(range(12 * GROUP)) - set(range(max(0, damaged - GROUP), damaged + 3 * GROUP))
    assert intact <= set(numbers_in(paths))


@given(st.binary(max_size=2000), st.integers(1, 300))
def test_any_bytes_at_all_are_survived(content: bytes, size: int) -> None:
    finder = PacketFinder()
    found = [run for piece in pieces(content, size) for run in finder.feed(piece)]
    found += finder.flush()
    assert all(len(run) % PACKET_BYTES == 0 for run in found)
    assert finder.skipped_bytes + sum(map(len, found)) == len(content)


def test_a_source_that_begins_again_doubles_nothing_that_is_whole(folder: Folder) -> None:
    segments = counting(12 * GROUP)
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(b"".join(segments[:5]))
    segmenter.feed(segments[5][:5000])  # it dies within a group
    segmenter.end(Ending.DIED)
    segmenter.feed(b"".join(segments[1:]))
    segmenter.end(Ending.ENDED)
    first, second = (numbers_of(closed.path.read_bytes()) for closed in segmenter.closed)
    assert first[: 5 * GROUP] == list(range(5 * GROUP))
    assert second == list(range(5 * GROUP, 12 * GROUP))
    assert segmenter.jumps == []
    assert segmenter.again_bytes > 0


@settings(max_examples=15)
@given(
    size=st.integers(1, 60_000),
    back=st.integers(0, 12),
    again=st.integers(0, 60_000),
    killed=st.booleans(),
)
def test_wherever_sources_break_off_every_frame_is_there_once(
    size: int, back: int, again: int, killed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    segments = counting(12 * GROUP)
    content = b"".join(segments)
    place = tmp_path_factory.mktemp("broken")
    segmenter = Segmenter(Folder(place, "a"), Limits(length_s=1.2))
    segmenter.feed(content[:size])
    if killed:  # and all that it knew is gone
        segmenter.abandon()
        segmenter = Segmenter(Folder(place, "a"), Limits(length_s=1.2))
        segmenter.go_on(recall(place))
    else:
        segmenter.end(Ending.DIED)
    came = len(content[:size]) // max(map(len, segments))  # so many groups are there for certain
    begin = sum(map(len, segments[: max(0, came - back)]))
    segmenter.feed(content[begin : begin + again])
    segmenter.end(Ending.STALLED)
    segmenter.feed(content[begin:])
    segmenter.end(Ending.ENDED)
    numbers = numbers_in(sorted(place.glob("*.ts")))
    assert numbers == list(range(numbers[0], 12 * GROUP))
    assert segmenter.jumps == []
    assert not (segmenter.resumed and segmenter.resumed.missing_s)


def test_no_sound_is_lost_where_a_source_broke_off(folder: Folder) -> None:
    content = b"".join(counting(12 * GROUP))
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(content[:70_000])
    segmenter.end(Ending.DIED)
    segmenter.feed(content)
    segmenter.end(Ending.ENDED)
    paths = [closed.path for closed in segmenter.closed]
    assert len(paths) == 2
    assert sum(samples_of_sound(path.read_bytes()) for path in paths) == samples_of_sound(content)


def test_what_was_before_the_recording_is_not_taken_in_later(folder: Folder) -> None:
    segments = counting(12 * GROUP)
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(b"".join(segments[4:6]))
    segmenter.end(Ending.DIED)
    segmenter.feed(b"".join(segments))
    segmenter.end(Ending.ENDED)
    assert segmenter.jumps == []
    numbers = numbers_in([closed.path for closed in segmenter.closed])
    assert numbers == list(range(4 * GROUP, 12 * GROUP))


def test_a_playlist_that_stands_still_brings_nothing_new(folder: Folder) -> None:
    segments = counting(6 * GROUP)
    segmenter = Segmenter(folder, Limits())
    for _ in range(3):
        segmenter.feed(b"".join(segments[:4]))
        segmenter.end(Ending.STALLED)
    assert segmenter.closed == []
    segmenter.feed(b"".join(segments[2:]))
    segmenter.end(Ending.ENDED)
    assert [closed.ending for closed in segmenter.closed] == [Ending.STALLED, Ending.ENDED]
    assert numbers_in([closed.path for closed in segmenter.closed]) == list(range(6 * GROUP))


def test_a_file_that_broke_off_does_not_wait_for_ever(folder: Folder) -> None:
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(b"".join(counting(3 * GROUP)))
    segmenter.end(Ending.DIED)
    segmenter.settle(longer_than_s=60)
    assert segmenter.closed == []
    segmenter.settle()
    assert [closed.ending for closed in segmenter.closed] == [Ending.DIED]


def test_a_source_whose_clock_begins_anew_is_new(folder: Folder) -> None:
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(b"".join(counting(5 * GROUP)))
    segmenter.end(Ending.DIED)
    segmenter.feed(b"".join(drawn(tuple(range(300, 300 + 3 * GROUP)))))
    segmenter.end(Ending.ENDED)
    paths = [closed.path for closed in segmenter.closed]
    assert numbers_in(paths) == [*range(5 * GROUP), *range(300, 300 + 3 * GROUP)]


@given(size=st.integers(0, 30_000))
def test_a_part_cut_off_anywhere_is_salvaged(
    size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("killed")
    segmenter = Segmenter(Folder(place), Limits())
    segmenter.feed(b"".join(counting(3 * GROUP)))
    (part,) = place.glob(f"*{PART_SUFFIX}")
    written = part.read_bytes()[:size]
    part.write_bytes(written)
    salvaged = salvage(place)
    segmenter.abandon()
    whole = written[: len(written) // PACKET_BYTES * PACKET_BYTES]
    assert [closed.path.read_bytes() for closed in salvaged] == ([whole] if whole else [])
    assert not list(place.glob(f"*{PART_SUFFIX}"))


def test_zeros_that_a_power_cut_leaves_are_cut_off(tmp_path: Path) -> None:
    content = counting(GROUP)[0]
    (tmp_path / "a.ts.part").write_bytes(content + bytes(10_000))
    (closed,) = salvage(tmp_path)
    assert (closed.path.name, closed.path.read_bytes()) == ("a.ts", content)


def test_two_recorders_can_not_share_a_folder(folder: Folder) -> None:
    with folder.alone(), pytest.raises(Failed) as failure, Folder(folder.path).alone():
        pass
    assert failure.value.reason is Reason.ITEM_BUSY


def test_a_segment_is_inspected_to_its_end(folder: Folder) -> None:
    paths = cut(folder, b"".join(counting(6 * GROUP)), Limits(length_s=3 * GROUP / RATE))
    seen = inspect(paths[1])
    assert (seen.frames, seen.reason) == (3 * GROUP, None)
    assert sum(sample.key for sample in seen.samples) == 3
    assert seen.first_s is not None
    assert seen.last_s == pytest.approx(seen.first_s + (3 * GROUP - 1) / RATE)
    assert seen.size_bytes == paths[1].stat().st_size
    assert seen.signature != inspect(paths[0]).signature


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_bytes(bytes(1880))
    assert inspect(tmp_path / "a.ts").reason in (
        Reason.METADATA_EXTRACTION_FAILED,
        Reason.NO_VIDEO_STREAM,
    )


def test_the_key_pictures_of_a_growing_segment_are_looked_at(folder: Folder) -> None:
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(b"".join(counting(4 * GROUP)))
    looked_at = samples_at(list(segmenter.keys))
    segmenter.end(Ending.ENDED)
    keys = [sample for sample in inspect(segmenter.closed[0].path).samples if sample.key]
    assert len(looked_at) == 4
    assert all(alike(*looks) for looks in zip(*map(looks_of, (looked_at, keys)), strict=True))
    assert [sample.time_s for sample in looked_at] == pytest.approx(
        [sample.time_s - keys[0].time_s for sample in keys], abs=0.05
    )


@given(st.integers(0, 2**40), st.integers(-(2**31), 2**31))
def test_stamps_are_unwrapped(near: int, ahead: int) -> None:
    assert unwrap((near + ahead) % 2**33, near) == near + ahead


def test_a_clock_that_stands_still_counts_nothing() -> None:
    clock = Clock()
    assert [clock.take(5) for _ in range(10)] == [None] * 10
    assert clock.elapsed_s == 0


@pytest.mark.parametrize("left", ["a.b_000007.ts", "a.b_000007.ts.part"])
def test_the_numbers_of_a_name_go_on(left: str, tmp_path: Path) -> None:
    for name in (left, "a.b_000003.ts", "axb_000009.ts", "a.b_000011.txt"):
        (tmp_path / name).write_bytes(b"")
    folder = Folder(tmp_path, "a.b")
    files = [folder.next_file(), folder.next_file()]
    for file in files:
        file.abandon()
    assert [file.final.name for file in files] == ["a.b_000008.ts", "a.b_000009.ts"]
    assert folder.number == 9


@pytest.mark.parametrize("at", [5000, 25_000, 60_000])
def test_one_session_ends_where_the_next_one_begins(at: int, tmp_path: Path) -> None:
    content = b"".join(counting(12 * GROUP))
    first = Segmenter(Folder(tmp_path), Limits())
    first.feed(content[:at])
    first.finish()
    for piece in pieces(content[at:], 188):
        if not first.finished:
            first.feed(piece)
    first.end(Ending.DURATION)
    (ended,) = first.closed
    (tmp_path / "next").mkdir()
    second = Segmenter(Folder(tmp_path / "next"), Limits())
    second.go_on(recall(tmp_path / "next", ended.path))
    second.feed(content)
    second.end(Ending.ENDED)
    paths = [ended.path, second.closed[0].path]
    assert ended.ending is Ending.DURATION
    assert numbers_in(paths) == list(range(12 * GROUP))
    assert sum(samples_of_sound(path.read_bytes()) for path in paths) == samples_of_sound(content)


def test_what_has_not_begun_is_finished_at_once(folder: Folder) -> None:
    segmenter = Segmenter(folder, Limits())
    segmenter.finish()
    segmenter.feed(b"".join(counting(2 * GROUP)))
    segmenter.end(Ending.DURATION)
    assert segmenter.finished
    assert not list(folder.path.iterdir())
