"""What is masked is black, in every plane and to the last pixel, and nothing else is touched."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clip_builders import read_all, scene
from hypothesis import given
from hypothesis import strategies as st

from supervisor_core.cleaning.paint import MaskCache, add_quads, paint_frame, paint_picture
from supervisor_core.media.encode import VideoWriter
from supervisor_core.media.frames import Colour, Frame, frame_of


def mask_of(height: int, width: int, rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[rows, columns] = 1
    return mask


@pytest.mark.parametrize(("width", "height"), [(320, 240), (319, 239), (1, 1), (5, 3)])
def test_masked_samples_are_black_and_others_untouched(width: int, height: int) -> None:
    frame = frame_of(scene(0, width, height), 0, 0)
    mask = np.random.default_rng(1).integers(0, 2, (height, width), dtype=np.uint8)
    painted = paint_frame(frame, mask)
    assert (painted.luma[mask == 1] == 16).all()
    assert (painted.luma[mask == 0] == frame.luma[mask == 0]).all()
    for plane, before in ((painted.blue, frame.blue), (painted.red, frame.red)):
        for row, column in np.ndindex(plane.shape):
            touched = mask[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].any()
            assert plane[row, column] == (128 if touched else before[row, column])


def test_the_frame_given_is_left_as_it_was() -> None:
    frame = frame_of(scene(), 0, 0)
    before = [plane.copy() for plane in frame.planes]
    paint_frame(frame, np.ones((240, 320), np.uint8))
    assert all(np.array_equal(one, two) for one, two in zip(frame.planes, before, strict=True))


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(238, 239), slice(0, 319)),
        (slice(0, 239), slice(318, 319)),
        (slice(3, 4), slice(7, 8)),
    ],
)
def test_even_the_last_odd_row_and_column_stay_black_in_the_file(
    rows: slice, columns: slice, tmp_path: Path
) -> None:
    white = frame_of(np.full((239, 319, 3), (40, 255, 255), np.uint8), 0, 0)
    painted = paint_frame(white, mask_of(239, 319, rows, columns))
    writer = VideoWriter(
        tmp_path / "out.mp4",
        time_base=Fraction(1, 25),
        rate=Fraction(25),
        colour=Colour(1, 2, 2, 2),
    )
    with writer:
        for index in range(3):
            writer.write(Frame(index, index, *painted.planes))
    _, frames = read_all(tmp_path / "out.mp4")
    for frame in frames:
        assert frame.luma[rows, columns].mean() < 50
        assert frame.luma.mean() > 180


def test_a_picture_is_painted_black() -> None:
    picture = scene()
    mask = mask_of(240, 320, slice(10, 20), slice(30, 50))
    painted = paint_picture(picture, mask)
    assert (painted[10:20, 30:50] == 0).all()
    assert (painted[mask == 0] == picture[mask == 0]).all()


corner = st.tuples(st.floats(-50, 110), st.floats(-50, 90))


@given(center=corner, size=st.tuples(st.floats(2, 80), st.floats(2, 80)))
def test_every_pixel_of_an_upright_quad_is_masked(
    center: tuple[float, float], size: tuple[float, float]
) -> None:
    (x, y), (across, down) = center, (size[0] / 2, size[1] / 2)
    corners = [
        (x - across, y - down),
        (x + across, y - down),
        (x + across, y + down),
        (x - across, y + down),
    ]
    mask = add_quads(np.zeros((80, 100), np.uint8), [np.array(corners, np.float32)])
    rows, columns = np.mgrid[0:80, 0:100]
    inside = (abs(rows - y) <= down - 0.5) & (abs(columns - x) <= across - 0.5)
    assert mask[inside].all()
    assert not mask[(abs(rows - y) > down + 1) | (abs(columns - x) > across + 1)].any()


def test_the_cached_mask_follows_its_quads() -> None:
    base = mask_of(60, 80, slice(0, 60), slice(0, 8))
    one = np.array([(20, 10), (40, 10), (40, 20), (20, 20)], np.float32)
    other = one + 30
    cache = MaskCache(base)
    for quads in ([], [one], [one], [one, other], [other], []):
        assert np.array_equal(cache.draw(quads), add_quads(base, quads))
        assert cache.share == pytest.approx(float(add_quads(base, quads).mean()))
    assert base.sum() == 60 * 8
