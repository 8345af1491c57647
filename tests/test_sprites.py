"""Scrub strips: where each tile lies, that it shows the frame of its time, and what comes of it."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from all_steps import LEVELS
from clip_builders import Recipe, arrows, write_clip
from hls_server import drawn, number_in
from hypothesis import given
from hypothesis import strategies as st
from media_builders import copy_beginning
from pipeline_parts import TOOLS, House, examine
from pipeline_parts import clean as write_text

from supervisor_core import faults
from supervisor_core.care.consistency import look_over
from supervisor_core.cleaning.job import Job
from supervisor_core.keys import IntakeKey
from supervisor_core.media.container import picture_stream
from supervisor_core.media.frames import VideoFrames
from supervisor_core.media.kinds import Container
from supervisor_core.media.probe import probe
from supervisor_core.media.sprites import (
    BYTES_MAX,
    SpriteLayout,
    draw_sprite,
    layout_of,
    sprite_layout,
    webvtt,
)
from supervisor_core.pipeline import places
from supervisor_core.pipeline.child import Examined, Made
from supervisor_core.pipeline.redoing import make_willing, meant
from supervisor_core.reasons import Failed, Reason
from supervisor_core.redo import Redo, What
from supervisor_core.store.redoing import Within

CUE = re.compile(
    r"(\d\d+):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d\d+):([0-5]\d):([0-5]\d)\.(\d{3})\n"
    r"(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)"
)


def cues(text: str) -> list[tuple[float, float, tuple[int, ...]]]:
    """Start and end (s) and the place of each cue, by the grammar of WebVTT."""
    head, *blocks = text.rstrip("\n").split("\n\n")
    assert head == "WEBVTT"
    found = []
    for block in blocks:
        match = CUE.fullmatch(block)
        assert match
        numbers = list(map(int, match.groups()[:8]))
        start_s, end_s = (
            hours * 3600 + minutes * 60 + seconds + thousandths / 1000
            for hours, minutes, seconds, thousandths in (numbers[:4], numbers[4:])
        )
        found.append((start_s, end_s, tuple(map(int, match.groups()[9:]))))
    return found


@given(
    st.integers(1, 9000),
    st.integers(1, 9000),
    st.one_of(st.none(), st.floats(0.001, 400_000), st.just(0.0), st.just(float("nan"))),
)
def test_cues_cover_the_whole_length_and_no_tile_twice(
    width: int, height: int, seconds: float | None
) -> None:
    layout = sprite_layout(width, height, seconds)
    found = cues(webvtt(layout, "/sprites/ab.jpg"))
    assert len(found) == layout.count <= 100
    assert found[0][0] == 0
    assert found[-1][1] >= (seconds if seconds and seconds > 0 else 0)
    assert all(start_s < end_s for start_s, end_s, _ in found)
    assert all(one[1] == after[0] for one, after in pairwise(found))
    assert len({place for _, _, place in found}) == len(found)
    for x, y, wide, high in (place for _, _, place in found):
        assert 1 <= wide <= 160 >= high >= 1
        assert x + wide <= layout.width
        assert y + high <= layout.height
    assert layout.width * layout.height <= 1600 * 1600


@pytest.mark.parametrize("url", ["", "/a b", "/a\n\n00:00", "/a#b", "/a-->b"])
def test_no_url_breaks_out_of_its_cue(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        webvtt(sprite_layout(640, 480, 10), url)


def tiles(path: Path, layout: SpriteLayout) -> list[np.ndarray]:
    strip = cv2.imread(str(path))
    assert strip.shape == (layout.height, layout.width, 3)
    corners = map(layout.place, range(layout.count))
    return [strip[y : y + layout.tile_height, x : x + layout.tile_width] for x, y in corners]


def decoded(path: Path, layout: SpriteLayout) -> tuple[list[Fraction], np.ndarray]:
    """All frames by a full decode: when each is shown, and what it looks like in a tile."""
    frames = VideoFrames(path)
    times = [frame.time * frames.time_base for frame in frames]
    size = layout.tile_width, layout.tile_height
    with av.open(str(path)) as container:
        shown = container.decode(picture_stream(container))
        whole = (np.rot90(one.to_ndarray(format="bgr24"), one.rotation // 90) for one in shown)
        small = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in whole]
    return times, np.stack(small).astype(np.int16)


REAL = [
    "general/bikes.mp4",
    "general/rotate90.mov",
    "hls/mux_segment.ts",
    "sports_people/pancake.mkv",
]


def check(path: Path, folder: Path) -> SpriteLayout:
    """Each tile shows the very frame that a full decode has at its time, within its span."""
    layout = layout_of(probe(path))
    times_s = draw_sprite(path, folder / "strip.jpg", layout)
    times, pictures = decoded(path, layout)
    at_s = np.array([float(time) for time in times])
    for number, tile in enumerate(tiles(folder / "strip.jpg", layout)):
        start_s, end_s = layout.span_s(number)
        frame = int(np.abs(at_s - times_s[number]).argmin())
        assert abs(at_s[frame] - times_s[number]) < 1e-6
        stands_until_s = at_s[frame + 1] if frame + 1 < len(at_s) else end_s
        assert times_s[number] < end_s
        assert stands_until_s > start_s
        differences = np.abs(pictures - tile).mean(axis=(1, 2, 3))
        assert differences[frame] <= differences.min() + 0.2
        assert differences[frame] < 8
    return layout


@pytest.mark.parametrize("name", REAL)
def test_a_tile_shows_the_frame_of_its_time(name: str, shared_data: Path, tmp_path: Path) -> None:
    check(shared_data / name, tmp_path)


def test_tiles_of_many_and_of_one_key_frame(shared_data: Path, tmp_path: Path) -> None:
    film = copy_beginning(
        shared_data / "sports_people" / "one_by_one_person.mp4", tmp_path / "film.mp4", 150
    )
    assert check(film, tmp_path).count == 30
    one = Recipe(options={"g": "1000", "sc_threshold": "0"})
    lone = write_clip(tmp_path / "lone.mp4", arrows(20) * 5, one)
    assert check(lone, tmp_path).count == 8


def test_where_a_clock_jumps_tiles_follow_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "jumped.ts"
    clocks = (drawn(tuple(range(60)), 10.0), drawn(tuple(range(60, 120)), 5.0))
    path.write_bytes(b"".join(segment for clock in clocks for segment in clock))
    layout = sprite_layout(160, 96, 4.8)
    times_s = draw_sprite(path, tmp_path / "strip.jpg", layout)
    shown = [number_in(tile.mean(axis=2)) for tile in tiles(tmp_path / "strip.jpg", layout)]
    assert shown == sorted(set(shown))
    assert shown[-1] > 110
    assert list(times_s) == sorted(set(times_s))


def test_a_strip_of_noise_is_small_and_what_is_missing_is_the_last_frame(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (160, 160, 3), np.uint8) for _ in range(20)]
    path = write_clip(tmp_path / "noise.mp4", noise, Recipe(options={"crf": "5"}))
    layout = sprite_layout(160, 160, 60)
    times_s = draw_sprite(path, tmp_path / "strip.jpg", layout)
    assert layout.count == 100
    assert (tmp_path / "strip.jpg").stat().st_size <= BYTES_MAX
    assert times_s[0] < times_s[1] == times_s[-1] == pytest.approx(19 / 25)


def test_a_file_that_is_no_video_has_no_strip(shared_data: Path, tmp_path: Path) -> None:
    for name, reason in {
        "images/exif/DSCN0010.jpg": Reason.UNSUPPORTED_CONTAINER,
        "corrupt/invalid_userdata.mp4": Reason.FRAME_EXTRACTION_FAILED,
    }.items():
        with pytest.raises(Failed) as caught:
            draw_sprite(shared_data / name, tmp_path / "strip.jpg", sprite_layout(64, 48, 9))
        assert caught.value.reason is reason


def test_damage_late_in_a_file_leaves_the_tiles_before_it(
    shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "corrupt" / "corrupted_h264.mp4"
    times_s = draw_sprite(path, tmp_path / "strip.jpg", layout_of(probe(path)))
    assert len(set(times_s)) > 3
    content = bytearray((shared_data / "corrupt" / "no_duration.webm").read_bytes())
    content[60_000:60_400] = bytes(400)
    (tmp_path / "torn.webm").write_bytes(content)
    times_s = draw_sprite(
        tmp_path / "torn.webm", tmp_path / "strip.jpg", sprite_layout(64, 36, 4.9)
    )
    assert len(set(times_s)) > 1


def examine_video(path: Path, outside_name: str, profile: object) -> Examined:
    found = examine(path, outside_name, profile)  # type: ignore[arg-type]
    info = replace(found.info, container=Container.MP4, seconds=4.0, frames=100)
    return replace(found, info=info)


def clean_video(job: Job) -> Made:
    made = write_text(job)
    return replace(made, report=replace(made.report, output=Container.MP4))


def strip(source: Path, destination: Path, layout: SpriteLayout) -> None:
    destination.write_text(f"{layout.count} of {source.read_text()}")


def strip_of(reason: Reason) -> Callable[[Path, Path, SpriteLayout], None]:
    def fail(source: Path, destination: Path, layout: SpriteLayout) -> None:
        raise Failed(reason)

    return fail


VIDEOS = replace(TOOLS, examine=examine_video, clean=clean_video, draw_sprite=strip)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, tools=VIDEOS)


def made(house: House, *texts: str) -> IntakeKey:
    key = house.arrive(*texts)
    house.clean(key)
    return key


def strips(house: House) -> list[Path]:
    return sorted(house.home.thumbnails.rglob("*.sprite.jpg"))


def missing(house: House) -> list[IntakeKey]:
    found = house.pipeline.do(meant, ["thumbnails"], Redo(), Within())
    return [one.intake for one in found["thumbnails"]]


def test_the_life_of_a_strip_beside_its_picture(house: House) -> None:
    key = made(house, "one")
    output = house.pipeline.summary(key).items[0].output
    assert output
    (found,) = strips(house)
    assert found == places.sprite(house.home, output.sha256)
    assert found.read_text() == "8 of frame_level of one"
    assert found.stat().st_mode & 0o777 == 0o644
    assert places.thumbnail(house.home, output.sha256).exists()
    assert house.pipeline.thumbnails(key).skipped == 1
    assert not list(house.home.work.iterdir())
    assert house.pipeline.do(look_over).findings == ()

    # One that was made before there were strips.
    assert missing(house) == []
    found.unlink()
    assert missing(house) == [key]
    assert house.pipeline.preview(house.pipeline.summary(key))
    assert house.pipeline.thumbnails(key).done == 1
    assert len(strips(house)) == 1
    assert missing(house) == []
    # Drawing again concerns both.
    late = datetime(2999, 1, 1, tzinfo=UTC)
    assert house.pipeline.do(make_willing, key, "thumbnails", Redo(What.ALL), late) == 1
    assert not list(house.home.thumbnails.rglob("*.jpg"))
    house.pipeline.thumbnails(key)
    assert len(list(house.home.thumbnails.rglob("*.jpg"))) == 2
    _clean_otherwise(house, key)


def test_a_strip_that_cannot_be_drawn_takes_no_picture_with_it(house: House) -> None:
    house.tools = replace(VIDEOS, draw_sprite=strip_of(Reason.TIMEOUT))
    key = house.arrive("one")
    house.clean(key)
    assert house.files("thumbnails") == ["small frame_level of one"]
    assert dict(house.pipeline.thumbnails(key).failed) == {Reason.TIMEOUT: 1}
    assert not list(house.home.work.iterdir())
    house.tools = replace(VIDEOS, draw_sprite=strip_of(Reason.DISK_FULL))
    assert dict(house.pipeline.thumbnails(key).waiting) == {Reason.DISK_FULL: 1}
    house.tools = VIDEOS
    assert missing(house) == [key]
    assert house.pipeline.thumbnails(key).done == 1


def test_a_strip_without_its_picture_is_finished_by_the_next_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = house.arrive("one")
    house.pipeline.mask(key, LEVELS[0])
    house.pipeline.verify(key, LEVELS[0])
    faults.start_over()
    monkeypatch.setenv(faults.VARIABLE, "publish.renamed:error")
    with pytest.raises(Failed):
        house.pipeline.thumbnails(key)
    monkeypatch.delenv(faults.VARIABLE)
    assert [path.name.partition(".")[2] for path in house.home.thumbnails.rglob("*.jpg")] == [
        "sprite.jpg"
    ]
    assert house.pipeline.thumbnails(key).done == 1
    assert missing(house) == []
    assert house.pipeline.do(look_over).findings == ()


def _clean_otherwise(house: House, key: IntakeKey) -> None:
    """The strip of an output that counts no more goes with it."""
    (former,) = strips(house)
    house.tools = replace(VIDEOS, code_version="2", clean=clean_otherwise)
    house.pipeline.send_back(key, everything=True)
    house.clean(key)
    (present,) = strips(house)
    assert present.name != former.name
    thrown = [path.name for path in house.home.trash.glob("*.sprite.jpg")]
    assert thrown == [f"thumbnails-{former.name}"]


def clean_otherwise(job: Job) -> Made:
    found = clean_video(job)
    content = b"otherwise " + job.destination.read_bytes()
    job.destination.write_bytes(content)
    return replace(found, sha256=sha256(content).hexdigest(), size_bytes=len(content))
