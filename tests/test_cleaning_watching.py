"""Looking only where something changed: what appears is never missed, what stays costs nothing."""

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
import pytest

from supervisor_core.cleaning.detector import Region
from supervisor_core.cleaning.engine import detector, inspector, reader
from supervisor_core.cleaning.strokes import Eyes, Patch, StrokeTest
from supervisor_core.cleaning.watching import Watch
from supervisor_core.media.frames import Frame, frame_of
from supervisor_core.media.policy import MaskPolicy

WIDTH, HEIGHT = 640, 360
TEXT, PLACE = "Vogel, Eva 4711", (60, 200)
Draw = Callable[[np.ndarray, int], None]


def scene(index: int, drift_px: float = 0.0) -> np.ndarray:
    """Soft coloured clouds that drift, with a little noise: a BGR picture."""
    chance = np.random.default_rng(5)
    clouds = chance.integers(60, 190, (12, 20, 3)).astype(np.float32)
    picture = cv2.resize(clouds, (WIDTH + 200, HEIGHT), interpolation=cv2.INTER_CUBIC)
    start = int(index * drift_px)
    noise = np.random.default_rng(index).normal(0, 1.5, (HEIGHT, WIDTH, 1))
    return np.clip(picture[:, start : start + WIDTH] + noise, 0, 255).astype(np.uint8)


def write(
    picture: np.ndarray, text: str = TEXT, at: tuple[int, int] = PLACE, **how: object
) -> None:
    colour = how.get("colour", (255, 255, 255))
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, 2, cv2.LINE_AA)


def frames(count: int, draw: Draw, drift_px: float = 0.0) -> Iterator[Frame]:
    for index in range(count):
        picture = scene(index, drift_px)
        draw(picture, index)
        yield frame_of(picture, index, index)


def test_of(shots: Iterable[Frame]) -> list[tuple[int, int]]:
    """How many cells rose strongly and faintly on each frame after the first."""
    test, seen = StrokeTest(Eyes()), []
    for frame in shots:
        risen = test.test(test.measure(frame))
        if risen is None:
            test.looked_at_all()
        else:
            seen.append((int(risen.strong.sum()), int(risen.faint.sum())))
    return seen


test_of.__test__ = False  # type: ignore[attr-defined]


def nothing(picture: np.ndarray, index: int) -> None:
    """Draws nothing."""


@pytest.mark.parametrize("drift_px", [0.0, 0.5, 3.0])
def test_clouds_and_noise_are_no_strokes(drift_px: float) -> None:
    seen = test_of(frames(12, nothing, drift_px))
    assert all(strong == 0 and faint <= 4 for strong, faint in seen)


@pytest.mark.parametrize("drift_px", [0.0, 3.0])
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (40, 220, 60)])
def test_a_flash_rises_on_its_one_frame_each_time(
    colour: tuple[int, int, int], drift_px: float
) -> None:
    def flash(picture: np.ndarray, index: int) -> None:
        if index % 4 == 2:
            write(picture, colour=colour)

    seen = test_of(frames(12, flash, drift_px))
    assert [strong > 0 for strong, _ in seen] == [index % 4 == 2 for index in range(1, 12)]


@pytest.mark.parametrize("size", [0.5, 1.5, 4.0, 8.0])
def test_letters_of_any_size_rise(size: float) -> None:
    def flash(picture: np.ndarray, index: int) -> None:
        if index == 3:
            thick = round(3 * size)
            place = (10, 180 + round(10 * size))
            cv2.putText(picture, "Eva", place, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), thick)

    seen = test_of(frames(6, flash))
    assert [strong > 0 for strong, _ in seen] == [False, False, True, False, False]


def test_letters_of_the_same_brightness_rise_by_their_colour() -> None:
    def flash(picture: np.ndarray, index: int) -> None:
        picture[:] = (128, 128, 128)
        if index == 3:
            write(picture, colour=(128, 88, 207))

    frame = frame_of(next(iter([np.full((8, 8, 3), (128, 88, 207), np.uint8)])), 0, 0)
    assert abs(int(frame.luma[0, 0]) - 126) < 4
    seen = test_of(frames(6, flash))
    assert [strong > 0 for strong, _ in seen] == [False, False, True, False, False]


def test_what_fades_in_slowly_adds_up() -> None:
    def fade(picture: np.ndarray, index: int) -> None:
        drawn = picture.copy()
        write(drawn)
        picture[:] = cv2.addWeighted(picture, 1 - index / 60, drawn, index / 60, 0)

    seen = test_of(frames(30, fade))
    first = next(index for index, (_, faint) in enumerate(seen, start=1) if faint)
    assert 1 < first < 10


def watch() -> Watch:
    return Watch(detector(), reader(), StrokeTest(Eyes()))


def covers(regions: Iterable[Region], x: float, y: float) -> bool:
    return any(cv2.pointPolygonTest(one.quad, (x, y), False) >= 0 for one in regions)


def test_while_nothing_changes_nothing_is_looked_at_but_now_and_then_everything() -> None:
    look = watch()
    found = [look.look(frame) for frame in frames(Eyes().look_every + 5, lambda p, _: write(p))]
    assert look.effort.calls == 2
    assert all(covers(regions, 150, 192) for regions in found)


@pytest.mark.parametrize("drift_px", [0.0, 2.0])
def test_a_flash_is_found_on_its_frame_and_gone_at_the_next_look_at_known_texts(
    drift_px: float,
) -> None:
    def flash(picture: np.ndarray, index: int) -> None:
        if index in (7, 8, 21):
            write(picture)

    look = watch()
    found = [look.look(frame) for frame in frames(30, flash, drift_px)]
    seen = [index for index, regions in enumerate(found) if covers(regions, 150, 192)]
    assert {7, 8, 21} <= set(seen) <= {*range(7, 12), *range(21, 24)}
    assert look.effort.frames < 3


def test_a_text_that_wanders_is_followed() -> None:
    look = watch()
    left = []
    for frame in frames(40, lambda p, i: write(p, at=(20 + 6 * i, 200))):
        regions = look.look(frame)
        assert covers(regions, 60 + 6 * frame.index, 192)
        left.append(min(region.box[0] for region in regions))
    assert all(abs(x - (20 + 6 * index)) < 30 for index, x in enumerate(left))


def test_a_line_of_which_only_the_beginning_is_strong_is_found_to_its_end() -> None:
    def half_faint(picture: np.ndarray, index: int) -> None:
        picture[:] = 60
        if index == 3:
            write(picture, "Vogel", (40, 200))
            write(picture, "Eva Maria, geboren 4711", (125, 200), colour=(82, 82, 82))

    look = watch()
    found = [look.look(frame) for frame in frames(4, half_faint)]
    assert covers(found[3], 60, 192)
    assert covers(found[3], 380, 192)


def test_a_new_text_in_the_place_of_another_is_looked_at_with_the_known_ones() -> None:
    look = watch()
    fresh = []
    assert Eyes().known_every == 4
    for frame in frames(12, lambda p, i: write(p, TEXT if i < 6 else "Kranich, Ada 99")):
        regions = look.look(frame)
        fresh.append(any(region in look.fresh for region in regions))
    assert fresh == [index in (0, 8) for index in range(12)]


def test_where_harmless_texts_stay_a_new_one_in_their_place_is_looked_at_at_once() -> None:
    look = inspector(MaskPolicy.IDENTIFIERS)
    shown = [TEXT if index != 6 else "Kranich, Ada 99" for index in range(12)]
    inspection = look.inspect(frames(12, lambda p, i: write(p, shown[i])))
    read = [reading.text for track in inspection.tracks for reading in track.readings]
    assert any("Kranich" in text for text in read)


@pytest.mark.parametrize("at", [(60, 226), (60, 174), (300, 200)])
def test_a_flash_right_beside_a_known_text_is_found(at: tuple[int, int]) -> None:
    def second_line(picture: np.ndarray, index: int) -> None:
        write(picture)
        if index == 5:
            write(picture, "Ada Kranich", at)

    look = watch()
    found = [look.look(frame) for frame in frames(9, second_line)]
    beside = at[0] + 80, at[1] - 8
    seen = [index for index, regions in enumerate(found) if covers(regions, *beside)]
    assert seen == [5, 6, 7]
    assert all(covers(regions, 150, 192) for regions in found)


def test_a_row_under_a_text_that_leaves_on_the_same_frame_is_found() -> None:
    def rows(picture: np.ndarray, index: int) -> None:
        picture[:] = 60
        if 2 < index < 7:
            write(picture, TEXT)
        if index == 7:
            write(picture, TEXT, (60, 232))

    look = watch()
    found = [look.look(frame) for frame in frames(9, rows)]
    assert [covers(regions, 140, 228) for regions in found] == [index == 7 for index in range(9)]


def test_after_a_cut_everything_may_be_new() -> None:
    def cut(picture: np.ndarray, index: int) -> None:
        if index == 0:
            grain = np.random.default_rng(1).integers(0, 255, (HEIGHT // 3, WIDTH // 3), np.uint8)
            picture[:] = cv2.resize(grain, (WIDTH, HEIGHT))[:, :, None]

    test, new = StrokeTest(Eyes()), []
    for frame in frames(3, cut):
        new.append(test.test(test.measure(frame)) is None)
        test.looked_at_all()
    assert new == [True, True, False]


def test_a_flash_over_leaves_rises() -> None:
    def leaves(picture: np.ndarray, index: int) -> None:
        grain = np.random.default_rng(1).integers(20, 120, (HEIGHT // 4, WIDTH // 4), np.uint8)
        picture[:] = cv2.resize(grain, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[:, :, None]
        if index == 3:
            write(picture)

    assert [strong > 0 for strong, _ in test_of(frames(5, leaves))] == [False, False, True, False]


def test_patches_join_and_touch() -> None:
    one, other = Patch(0, 0, 2, 3), Patch(1, 2, 4, 5)
    assert one.touches(other)
    assert not one.touches(Patch(0, 3, 2, 5))
    assert one.joined(other) == Patch(0, 0, 4, 5)
    assert one.joined(other).area == 20
    assert one.pixels(16) == (slice(0, 32), slice(0, 48))
