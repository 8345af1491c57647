"""Single frames for the pages: the very frame that is asked for, in time, and nothing left over."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clip_builders import arrows, rewrite, write_clip
from hls_server import drawn, number_in
from media_builders import write_dicom
from store_builders import media, settings_for

from gallery.drawing import Drawer
from supervisor_core import faults
from supervisor_core.keys import MediaKey
from supervisor_core.media.cine import CineFrames
from supervisor_core.media.container import picture_stream
from supervisor_core.media.dicom import read_dicom
from supervisor_core.media.encode import VideoWriter
from supervisor_core.media.frames import VideoFrames
from supervisor_core.media.links import link
from supervisor_core.media.moments import Film
from supervisor_core.reasons import Failed, Reason
from supervisor_core.store.gate import Readable

SIDE = 4096
VIDEOS = [
    "general/bikes.mp4",
    "general/rotate90.mov",
    "hls/mux_segment.ts",
    "sports_people/pancake.mkv",
    *(
        pytest.param(name, marks=pytest.mark.campaign)
        for name in (
            "corrupt/no_duration.webm",
            "corrupt/failing_audio.mp4",
            "sports_people/armwrestling.mp4",
            "sports_people/vtest.avi",
            "hls/captions_1080.ts",
        )
    ),
]


@pytest.fixture(scope="module")
def drawer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drawer]:
    settings = settings_for(tmp_path_factory.mktemp("home"))
    one = Drawer(settings.open_home(), settings)
    yield one
    one.close()


def own_drawer(folder: Path, **limits: float) -> Drawer:
    settings = settings_for(folder)
    return Drawer(settings.open_home(), settings, **limits)  # type: ignore[arg-type]


def seen(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def small(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (96, 64), interpolation=cv2.INTER_AREA).astype(np.int16)


@cache
def times_of(path: Path) -> list[Fraction]:
    """When each frame is shown, by decoding the whole file."""
    frames = VideoFrames(path)
    return [frame.time * frames.time_base for frame in frames]


@cache
def pictures_of(path: Path) -> np.ndarray:
    """All frames of a file, upright and made small, by FFmpeg alone."""
    with av.open(str(path)) as container:
        shown = container.decode(picture_stream(container))
        upright = (np.rot90(one.to_ndarray(format="bgr24"), one.rotation // 90) for one in shown)
        return np.stack([small(picture) for picture in upright])


def nearest(jpeg: bytes, pictures: np.ndarray) -> set[int]:
    """The numbers of the frames that a picture is like, more than any other."""
    differences = np.abs(pictures - small(seen(jpeg))).mean(axis=(1, 2, 3))
    return set(np.flatnonzero(differences <= differences.min() + 0.05).tolist())


def spread(count: int, wanted: int = 5) -> list[int]:
    return sorted({round(index) for index in np.linspace(0, count - 1, wanted)})


@pytest.mark.parametrize("name", VIDEOS)
def test_a_frame_is_the_one_that_a_full_decode_has_there(
    name: str, drawer: Drawer, shared_data: Path
) -> None:
    path = shared_data / name
    times, pictures = times_of(path), pictures_of(path)
    for index in spread(len(times)):
        by_time = drawer.frame(path, at_s=float(times[index]), longest_side=SIDE)
        assert index in nearest(by_time, pictures)
        assert drawer.frame(path, index=index, longest_side=SIDE) == by_time


@pytest.mark.parametrize("name", VIDEOS)
def test_between_two_frames_the_earlier_one_stands(name: str, shared_data: Path) -> None:
    path = shared_data / name
    times = times_of(path)
    with Film(path) as film:
        for before, after in list(pairwise(times))[:: max(1, len(times) // 5)]:
            assert film.at(before + (after - before) * 3 / 4).time_s == before


@pytest.mark.parametrize("name", VIDEOS)
def test_the_table_knows_every_frame_as_a_full_decode_does(name: str, shared_data: Path) -> None:
    times = times_of(shared_data / name)
    with Film(shared_data / name) as film:
        assert [time * film.time_base for time in film.table.times] == times


def test_frames_of_an_old_encoder_are_no_noise_after_seeking(shared_data: Path) -> None:
    path = shared_data / "general" / "cockatoo.mp4"  # 4:4:4 of x264 build 120
    with av.open(str(path)) as container:
        wanted = next(islice(container.decode(video=0), 90, None)).to_ndarray()
    with Film(path) as film:
        assert np.array_equal(film.numbered(90).decoded.to_ndarray(), wanted)
        assert np.array_equal(film.at(Fraction(9, 2)).decoded.to_ndarray(), wanted)


def test_what_is_behind_the_end_is_the_last_frame(drawer: Drawer, shared_data: Path) -> None:
    path = shared_data / "general" / "bikes.mp4"
    last = drawer.frame(path, index=249, longest_side=320)
    assert drawer.frame(path, at_s=1e6, longest_side=320) == last
    assert drawer.frame(path, index=10**9, longest_side=320) == last
    first = drawer.frame(path, index=0, longest_side=320)
    assert first == drawer.frame(path, at_s=-4, longest_side=320) != last
    assert seen(last).shape == (136, 320, 3)


def test_stills_and_dicom_are_drawn(drawer: Drawer, shared_data: Path, tmp_path: Path) -> None:
    still = shared_data / "images" / "exif" / "landscape_6.jpg"
    assert seen(drawer.frame(still, at_s=3, longest_side=300)).shape == (225, 300, 3)
    cine = write_dicom(tmp_path / "cine.dcm", np.stack(arrows(6)), CineRate=5)
    for index, picture in enumerate(arrows(6)):
        jpeg = drawer.frame(cine, at_s=index / 5, longest_side=SIDE)
        assert np.abs(seen(jpeg)[..., ::-1].astype(int) - picture).mean() < 3
        assert drawer.frame(cine, index=index, longest_side=SIDE) == jpeg
    assert drawer.frame(cine, index=77, longest_side=SIDE) == jpeg


def jumped(folder: Path, second_s: float) -> Path:
    """A transport stream whose clock begins anew in its middle."""
    path = folder / "jumped.ts"
    clocks = (drawn(tuple(range(60)), 10.0), drawn(tuple(range(60, 120)), second_s))
    path.write_bytes(b"".join(segment for clock in clocks for segment in clock))
    return path


def numbers(jpegs: Sequence[bytes]) -> list[int]:
    return [number_in(cv2.cvtColor(seen(jpeg), cv2.COLOR_BGR2GRAY)) for jpeg in jpegs]


@pytest.mark.parametrize("second_s", [9.5, 50.0, 72_000.0])
def test_before_and_after_are_the_same_frame_where_the_clock_jumps(
    second_s: float, drawer: Drawer, tmp_path: Path
) -> None:
    raw = jumped(tmp_path, second_s)
    cleaned = tmp_path / "cleaned.mp4"
    rewrite(raw, cleaned)
    with av.open(str(cleaned)) as container:
        truth = [
            (float(frame.time or 0), number_in(frame.to_ndarray(format="gray")))
            for frame in container.decode(video=0)
        ]
    assert len({number for _, number in truth}) == len(truth) > 100
    for index in spread(len(truth), 12):
        at_s, number = truth[index]
        by_time = drawer.pair(raw, cleaned, at_s=at_s, longest_side=SIDE)
        by_number = drawer.pair(raw, cleaned, index=index, longest_side=SIDE)
        both = [by_time.before, by_time.after, by_number.before, by_number.after]
        assert numbers([one.jpeg for one in both]) == [number] * 4
        assert by_number.before.index == by_number.after.index == index


def test_before_and_after_of_real_footage_are_the_same_frame(
    drawer: Drawer, shared_data: Path, tmp_path: Path
) -> None:
    for name in ("hls/mux_segment.ts", "general/rotate90.mov"):
        raw, cleaned = shared_data / name, tmp_path / "cleaned.mp4"
        rewrite(raw, cleaned)
        times, pictures = times_of(raw), pictures_of(raw)
        for index in spread(len(times), 5):
            at_s = float(times[index] - times[0])
            pair = drawer.pair(raw, cleaned, at_s=at_s, longest_side=SIDE)
            assert index in nearest(pair.before.jpeg, pictures)
            assert index in nearest(pair.after.jpeg, pictures)


def test_before_and_after_of_a_cine_are_the_same_frame(
    drawer: Drawer, shared_data: Path, tmp_path: Path
) -> None:
    raw, cleaned = shared_data / "medical" / "us_sonosite_cine30.dcm", tmp_path / "cleaned.mp4"
    frames = CineFrames(raw)
    with VideoWriter(
        cleaned, time_base=frames.time_base, rate=frames.rate, colour=frames.colour
    ) as writer:
        for frame in frames:
            writer.write(frame)
    truth = np.stack([small(picture) for picture in read_dicom(raw).frames()])
    for index in spread(30):
        at_s = float(index * frames.time_base)
        by_time = drawer.pair(raw, cleaned, at_s=at_s, longest_side=SIDE)
        by_number = drawer.pair(raw, cleaned, index=index, longest_side=SIDE)
        assert by_time.before.index == by_number.before.index == by_number.after.index == index
        assert index in nearest(by_time.before.jpeg, truth)
        assert by_time.after.jpeg == by_number.after.jpeg
        assert by_time.after.time_s == pytest.approx(at_s)


def test_a_file_of_a_library_is_drawn_where_it_lies(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "general" / "rotate90.mov"
    settings = settings_for(tmp_path)
    home = settings.open_home()
    link(path, home.raw / "aa" / "clip.mov", path.stat().st_mtime_ns)
    readable = Readable(MediaKey("a" * 64), "a" * 64, "raw/aa/clip.mov", path.stat().st_size)
    drawer = Drawer(home, settings)
    assert seen(drawer.shown(readable, index=2, longest_side=100)).shape == (100, 56, 3)
    info = replace(media().info, size_bytes=path.stat().st_size)
    of = replace(media(), raw_path=readable.path, info=info)
    pair = drawer.before_and_after(of, readable, index=1, longest_side=100)
    assert pair.before == pair.after
    assert pair.after.jpeg == drawer.shown(readable, index=1, longest_side=100)
    with pytest.raises(Failed) as caught:
        drawer.frame(home.raw / "aa" / "clip.mov", longest_side=64)
    assert caught.value.reason is Reason.NOT_A_FILE
    with pytest.raises(Failed) as caught:
        drawer.shown(replace(readable, size_bytes=77), index=1, longest_side=64)
    assert caught.value.reason is Reason.FILE_CHANGED
    drawer.close()


HOSTILE = {
    "broken.png": Reason.METADATA_EXTRACTION_FAILED,
    "empty_file.png": Reason.FILE_EMPTY,
    "invalid_userdata.mp4": Reason.FRAME_EXTRACTION_FAILED,
    "corrupted_h264.mp4": Reason.DECODE_FAILED,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_files_end_in_a_reason(name: str, drawer: Drawer, shared_data: Path) -> None:
    with pytest.raises(Failed) as caught:
        drawer.frame(shared_data / "corrupt" / name, at_s=1e5, longest_side=64)
    assert caught.value.reason is HOSTILE[name]


def test_lists_of_other_files_are_not_followed(drawer: Drawer, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", arrows(3))
    trick = tmp_path / "trick.mp4"
    trick.write_text(f"ffconcat version 1.0\nfile {other.name}\n")
    with pytest.raises(Failed) as caught:
        drawer.frame(trick, longest_side=64)
    assert caught.value.reason is Reason.UNSUPPORTED_CONTAINER


def test_a_hung_child_is_killed_at_its_limit_and_the_next_call_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "clip.mp4", arrows(8))
    drawer = own_drawer(tmp_path / "home", limit_s=0.5)
    monkeypatch.setenv(faults.VARIABLE, "call.finished:hang")
    with pytest.raises(Failed) as caught:
        drawer.frame(path, index=3, longest_side=64, secret=True)
    assert caught.value.reason is Reason.TIMEOUT
    monkeypatch.delenv(faults.VARIABLE)
    assert seen(drawer.frame(path, index=3, longest_side=64, secret=True)).any()
    drawer.close()
    assert not list(settings_for(tmp_path / "home").open_home().work.iterdir())


def test_who_waits_too_long_or_among_too_many_hears_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "clip.mp4", arrows(8))
    drawer = own_drawer(tmp_path / "home", limit_s=1.5, wait_s=0.2, waiting_max=2)
    monkeypatch.setenv(faults.VARIABLE, "call.finished:hang")
    begun = threading.Barrier(4)

    def ask() -> Reason:
        begun.wait()
        with pytest.raises(Failed) as caught:
            drawer.frame(path, longest_side=64)
        return caught.value.reason

    with ThreadPoolExecutor(4) as threads:
        reasons = [one.result() for one in [threads.submit(ask) for _ in range(4)]]
    drawer.close()
    assert sorted(reasons) == [Reason.ITEM_BUSY] * 3 + [Reason.TIMEOUT]


def test_eight_threads_get_each_its_own_frame(
    drawer: Drawer, shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "general" / "bikes.mp4"
    times, pictures = times_of(path), pictures_of(path)
    wanted = spread(len(times), 24)

    def ask(index: int) -> bytes:
        return drawer.frame(path, index=index, longest_side=SIDE, sha256="0" * 64)

    with ThreadPoolExecutor(8) as threads:
        jpegs = list(threads.map(ask, wanted))
    assert all(one in nearest(jpeg, pictures) for one, jpeg in zip(wanted, jpegs, strict=True))


def test_what_is_kept_is_never_secret(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", arrows(8))
    drawer = own_drawer(tmp_path / "home")
    shown = drawer.frame(path, index=2, longest_side=64, sha256="a" * 64)
    drawer.frame(path, index=5, longest_side=64, sha256="a" * 64, secret=True)
    path.unlink()
    assert drawer.frame(path, index=2, longest_side=64, sha256="a" * 64) == shown
    for again in ({"index": 2, "secret": True}, {"index": 5}):
        with pytest.raises(Failed) as caught:
            drawer.frame(path, longest_side=64, sha256="a" * 64, **again)  # type: ignore[arg-type]
        assert caught.value.reason is Reason.FILE_NOT_FOUND
    drawer.close()
    with pytest.raises(Failed) as caught:
        drawer.frame(path, longest_side=64)
    assert caught.value.reason is Reason.CANCELLED
