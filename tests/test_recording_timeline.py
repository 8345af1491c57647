"""The picture of a recording: each kind can be told by colour and by pattern, and gaps are seen."""

import io
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from supervisor_core.recording.timeline import HEIGHT, WIDTH, Bar, Kind, draw_timeline

DAY = 1_790_000_000.0
BAR = slice(22, 40)


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def alone(kind: Kind) -> np.ndarray:
    return pixels(draw_timeline([Bar(DAY, DAY + 3600, kind)]))[BAR, 100:800]


@pytest.mark.parametrize(("one", "other"), list(combinations(Kind, 2)))
def test_kinds_differ_in_colour_and_also_without_it(one: Kind, other: Kind) -> None:
    first, second = alone(one), alone(other)
    white = [(picture == 255).all(axis=-1) for picture in (first, second)]
    colours = [np.median(p[~w], axis=0) for p, w in zip((first, second), white, strict=True)]
    assert np.abs(colours[0] - colours[1]).sum() > 50
    assert (white[0] != white[1]).mean() > 0.1


def test_a_second_is_seen_in_a_day() -> None:
    whole = Bar(DAY, DAY + 86_400, Kind.RECORDED)
    gap = Bar(DAY + 40_000, DAY + 40_001, Kind.MISSING)
    plain, with_gap = (pixels(draw_timeline(bars))[BAR] for bars in ([whole], [gap, whole]))
    columns = np.flatnonzero((plain != with_gap).any(axis=(0, 2)))
    assert 1 <= len(columns) <= 3
    assert abs(columns.mean() / WIDTH - 40_000 / 86_400) < 0.01


def test_nothing_recorded_is_a_picture_too() -> None:
    picture = pixels(draw_timeline([]))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture.min() < 50


@given(
    st.lists(
        st.builds(
            Bar,
            st.floats(0, 4e9),
            st.floats(0, 4e9),
            st.sampled_from(Kind),
        ),
        max_size=40,
    )
)
def test_any_times_make_a_small_picture(bars: list[Bar]) -> None:
    content = draw_timeline(bars)
    assert len(content) < 50_000
    assert pixels(content).shape == (HEIGHT, WIDTH, 3)
