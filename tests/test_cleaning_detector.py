"""Where text stands in one picture, whatever its size, and in a part of it as in the whole."""

import cv2
import numpy as np
import pytest

from supervisor_core.cleaning.detector import Region
from supervisor_core.cleaning.engine import detector
from supervisor_core.cleaning.looking import Mean
from supervisor_core.media.frames import frame_of

HEIGHT, WIDTH = 2600, 3600
TEXT = "Vogel, Eva"
Place = tuple[int, int]


def big(*places: Place) -> np.ndarray:
    """A large grey picture with a small line at each place."""
    picture = np.full((HEIGHT, WIDTH, 3), 70, np.uint8)
    picture += np.random.default_rng(1).integers(0, 6, picture.shape, np.uint8)
    for place in places:
        cv2.putText(picture, TEXT, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (230, 230, 230), 1, 16)
    return picture


def around(regions: list[Region], at: Place) -> list[Region]:
    """The regions that hold both ends of the line at a place."""
    (width, _), _ = cv2.getTextSize(TEXT, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1)
    ends = [(at[0] + 3, at[1] - 6), (at[0] + width - 5, at[1] - 6)]
    return [
        one
        for one in regions
        if all(cv2.pointPolygonTest(one.quad, end, False) >= 0 for end in ends)
    ]


def test_a_small_lone_line_in_a_large_picture_is_found_once() -> None:
    place = (2900, 2300)
    regions = detector().find(big(place))
    assert len(around(regions, place)) == 1
    assert len(regions) == 1


@pytest.mark.campaign
@pytest.mark.parametrize("place", [(1660, 60), (10, 1690), (3480, 2590), (1700, 1300)])
def test_a_line_where_tiles_meet_is_found_whole(place: Place) -> None:
    assert around(detector().find(big(place)), place)


def test_a_part_is_seen_as_in_the_whole() -> None:
    picture = np.full((360, 640, 3), 70, np.uint8)
    cv2.putText(picture, TEXT, (200, 200), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (230, 230, 230), 2, 16)
    (whole,) = detector().find(picture)
    rows, columns = slice(144, 240), slice(160, 400)
    (part,) = detector().find_in_part(frame_of(picture, 0, 0), rows, columns) or []
    assert np.abs(np.array(part.box) - np.array(whole.box)).max() < 6


def test_a_mean_ends_where_the_size_changes_and_loses_no_frame() -> None:
    mean = Mean(4)
    small, large = (frame_of(np.full((side, side, 3), 90, np.uint8), 0, 0) for side in (64, 128))
    assert [mean.add(small), mean.add(small)] == [None, None]
    ended = mean.add(large)
    assert ended is not None
    assert ended.luma.shape == (64, 64)
    assert [mean.add(large), mean.add(large)] == [None, None]
    last = mean.add(large)
    assert last is not None
    assert last.luma.shape == (128, 128)
    assert mean.flush(9) is None
