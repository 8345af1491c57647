"""Pictures read from any clock, turn, size and colour come out the same, at the same times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from clip_builders import Recipe, arrows, as_players_do, read_all, rewrite, scene, write_clip
from media_builders import arrow

from supervisor_core.media.encode import VideoWriter
from supervisor_core.media.frames import Colour, Frame, Timeline, frame_of
from supervisor_core.reasons import Failed, Reason

MILLISECONDS, BROADCAST = Fraction(1, 1000), Fraction(1, 90_000)
CLOCKS = {
    "variable": (
        ".mkv",
        Recipe(times=(0, 40, 57, 140, 141, 500, 533, 900), time_base=MILLISECONDS),
    ),
    "milliseconds": (".mp4", Recipe(times=range(0, 320, 40), time_base=MILLISECONDS)),
    "ninety thousand": (
        ".mp4",
        Recipe(times=(0, 3003, 6006, 9010, 12012, 15015, 18019, 21021), time_base=BROADCAST),
    ),
    "odd rate": (".mov", Recipe(time_base=Fraction(1001, 30_000))),
    "b-frames": (".mp4", Recipe(options={"bf": "3", "b-adapt": "0"})),
    "transport stream": (".ts", Recipe(options={"bf": "2"})),
    "starts late": (".mkv", Recipe(times=range(5000, 5320, 40), time_base=MILLISECONDS)),
    "nine hours in": (".mkv", Recipe(times=range(32_400_000, 32_400_008), time_base=MILLISECONDS)),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_every_frame_is_shown_at_its_own_time(name: str, tmp_path: Path) -> None:
    suffix, recipe = CLOCKS[name]
    source = write_clip(tmp_path / f"in{suffix}", arrows(), recipe)
    before, frames = rewrite(source, tmp_path / "out.mp4")
    after, again = read_all(tmp_path / "out.mp4")
    assert (before.count, after.count) == (8, 8)
    assert after.timeline.digest() == before.timeline.digest()
    first = recipe.times[0] if recipe.times else 0
    asked = [(time - first) * recipe.time_base for time in recipe.times or range(8)]
    shown = [frame.time * after.time_base for frame in again]
    assert [round(time * 1000) for time in shown] == [round(time * 1000) for time in asked]
    assert all(_luma_error(one, two) < 4 for one, two in zip(frames, again, strict=True))


def test_the_timeline_tells_a_shifted_frame_and_a_missing_one() -> None:
    def digest(*times: Fraction) -> str:
        timeline = Timeline()
        for time in times:
            timeline.add(time)
        return timeline.digest()

    even = [Fraction(number, 25) for number in range(4)]
    assert digest(*even) == digest(*even)
    assert digest(*even) != digest(*even[:3])
    assert digest(*even) != digest(*even[:3], even[3] + Fraction(1, 90_000))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turned_and_mirrored_pictures_come_out_upright(
    degrees: int, mirrored: bool, tmp_path: Path
) -> None:
    stored = arrow(96, 64)
    source = write_clip(tmp_path / "in.mp4", [stored] * 3, Recipe(turn=(degrees, mirrored)))
    rewrite(source, tmp_path / "out.mp4")
    with av.open(str(source)) as container:
        upright = _as_displayed(next(container.decode(video=0)), stored)
    shown = as_players_do(tmp_path / "out.mp4")[0]
    assert shown.shape == upright.shape
    assert _error(shown, upright) < 12
    assert not _display_matrix(tmp_path / "out.mp4")


def _as_displayed(frame: av.VideoFrame, stored: np.ndarray) -> np.ndarray:
    """Applies the display matrix pixel by pixel, as its definition says."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    numbers = np.frombuffer(bytes(matrix), np.int32) / 65536 if matrix else (1, 0, 0, 0, 1)
    a, b, _, c, d, *_ = numbers
    places = [
        (round(a * x + c * y), round(b * x + d * y), stored[y, x])
        for y in range(stored.shape[0])
        for x in range(stored.shape[1])
    ]
    left, top = min(x for x, _, _ in places), min(y for _, y, _ in places)
    width, height = max(x for x, _, _ in places) - left, max(y for _, y, _ in places) - top
    shown = np.zeros((height + 1, width + 1, 3), np.uint8)
    for x, y, colour in places:
        shown[y - top, x - left] = colour
    return shown


@pytest.mark.parametrize(("width", "height"), [(1, 1), (319, 239), (16, 33), (33, 16), (64, 47)])
def test_odd_sizes_lose_nothing_and_gain_one_row_or_column(
    width: int, height: int, tmp_path: Path
) -> None:
    recipe = Recipe(codec="ffv1", pixel_format="yuv420p")
    source = write_clip(tmp_path / "in.mkv", [scene(0, width, height)] * 3, recipe)
    _, frames = rewrite(source, tmp_path / "out.mp4")
    _, again = read_all(tmp_path / "out.mp4")
    assert (frames[0].width, frames[0].height) == (width, height)
    assert (again[0].width, again[0].height) == (width + width % 2, height + height % 2)
    for before, after in zip(frames[0].planes, again[0].planes, strict=True):
        kept = after[: before.shape[0], : before.shape[1]].astype(int)
        assert abs(kept - before).mean() < 3
        assert abs(after[-1].astype(int) - after[before.shape[0] - 1]).mean() < 3


COLOURS = {
    **dict.fromkeys(("yuv420p", "yuvj420p", "yuv420p10le", "yuv422p", "yuv444p"), "libx264"),
    **dict.fromkeys(("yuvj444p", "yuv444p10le", "nv12"), "libx264"),
    **dict.fromkeys(("bgr0", "bgra", "gray", "yuva420p"), "ffv1"),
    "rgb24": "libx264rgb",
}


@pytest.mark.parametrize("pixel_format", COLOURS)
def test_colours_stay_what_they_were(pixel_format: str, tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), colour, np.uint8) for colour in _PATCHES]
    recipe = Recipe(codec=COLOURS[pixel_format], pixel_format=pixel_format)
    source = write_clip(tmp_path / "in.mkv", pictures, recipe)
    rewrite(source, tmp_path / "out.mp4")
    before, after = as_players_do(source), as_players_do(tmp_path / "out.mp4")
    assert len(before) == len(after) == len(_PATCHES)
    assert max(_error(one, two) for one, two in zip(before, after, strict=True)) < 3


_PATCHES = (
    (0, 0, 0),
    (255, 255, 255),
    (30, 60, 200),
    (200, 60, 30),
    (40, 200, 40),
    (128, 128, 128),
)


def test_the_matrix_of_the_colours_is_kept(tmp_path: Path) -> None:
    def tag(container: object, stream: av.video.stream.VideoStream) -> None:
        codec = stream.codec_context
        codec.colorspace = codec.color_primaries = codec.color_trc = 1

    source = write_clip(tmp_path / "in.mp4", arrows(3), Recipe(prepare=tag))
    rewrite(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1)


@pytest.mark.parametrize(("turn", "kept"), [(0, Fraction(4, 3)), (90, Fraction(3, 4))])
def test_the_shape_of_the_pixels_is_kept_and_turns_along(
    turn: int, kept: Fraction, tmp_path: Path
) -> None:
    recipe = Recipe(aspect=Fraction(4, 3), turn=(turn, False))
    source = write_clip(tmp_path / "in.mp4", arrows(3), recipe)
    rewrite(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == kept


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", [scene(index) for index in range(30)])
    for name in ("one.mp4", "two.mp4"):
        rewrite(source, tmp_path / name)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_nothing_but_pictures_is_written(tmp_path: Path) -> None:
    def burden(container: av.container.OutputContainer, stream: object) -> None:
        container.metadata.update({"title": "Mustermann", "comment": "geb. 1950"})
        container.set_chapters([
            {"id": 1, "start": 0, "end": 2, "time_base": Fraction(1, 25),
             "metadata": {"title": "Mustermann"}},
        ])  # fmt: skip

    source = write_clip(tmp_path / "in.mkv", arrows(), Recipe(prepare=burden))
    rewrite(source, tmp_path / "out.mp4")
    content = (tmp_path / "out.mp4").read_bytes()
    for trace in (b"Mustermann", b"1950", b"x264", b"Lavf", b"Lavc", b"crf="):
        assert trace not in content
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.chapters()
        assert [stream.type for stream in container.streams] == ["video"]
        frames = list(container.decode(video=0))
    assert not any(list(frame.side_data) for frame in frames)
    assert content.index(b"moov") < content.index(b"mdat")


def test_only_the_stream_that_counts_is_written(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "general" / "nasa_multistream.mp4"
    with av.open(str(source)) as container:
        assert len(container.streams) > 2
    before, _ = rewrite(source, tmp_path / "out.mp4")
    after, _ = read_all(tmp_path / "out.mp4")
    assert after.timeline.digest() == before.timeline.digest()
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_a_size_that_the_encoder_refuses_is_told(tmp_path: Path) -> None:
    wide = frame_of(np.zeros((2, 20_000, 3), np.uint8), 0, 0)
    with pytest.raises(Failed) as failure:
        _write(tmp_path / "out.mp4", [wide])
    assert failure.value.reason is Reason.ENCODE_FAILED


def test_no_frame_makes_no_file_that_could_pass_for_a_video(tmp_path: Path) -> None:
    with pytest.raises(Failed) as failure:
        _write(tmp_path / "out.mp4", [])
    assert failure.value.reason is Reason.FRAME_EXTRACTION_FAILED


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    picture = frame_of(scene(), 0, 0)
    process = psutil.Process()
    resident = []
    with _writer(tmp_path / "out.mp4") as writer:
        for index in range(600):
            writer.write(Frame(index, index, *picture.planes))
            if index in (150, 599):
                resident.append(process.memory_info().rss)
    # One picture is 115 kB: kept ones would add up to 50 MB.
    assert resident[1] - resident[0] < 20_000_000


def _writer(path: Path) -> VideoWriter:
    colour = Colour(1, 2, 2, 2)
    return VideoWriter(path, time_base=Fraction(1, 25), rate=Fraction(25), colour=colour)


def _write(path: Path, frames: list[Frame]) -> None:
    with _writer(path) as writer:
        for frame in frames:
            writer.write(frame)


def _luma_error(one: Frame, two: Frame) -> float:
    return float(abs(one.luma.astype(int) - two.luma).mean())


def _error(one: np.ndarray, two: np.ndarray) -> float:
    return float(abs(one.astype(int) - two).mean())


def _display_matrix(path: Path) -> bool:
    with av.open(str(path)) as container:
        return bool(next(container.decode(video=0)).side_data.get("DISPLAYMATRIX"))
