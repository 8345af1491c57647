"""Which frames of a recording are sent: spread, visible, sharp, and no two alike."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from clip_builders import write_clip

from supervisor_core.analysis.candidates import candidate_of
from supervisor_core.analysis.child import prepare
from supervisor_core.analysis.choosing import Chosen, choose
from supervisor_core.analysis.sampling import sample
from supervisor_core.deadline import Worker
from supervisor_core.media.stills import read_still
from supervisor_core.reasons import Failed, Reason

WIDTH, HEIGHT = 320, 240
BLACK = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
GREY = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)


def wall(seed: int = 1) -> np.ndarray:
    """A climbing wall: many holds on it, each of them sharp."""
    random = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), (90, 130 + 20 * (seed % 3), 150), np.uint8)
    for x, y, *colour in random.integers(0, 230, (90, 5)):
        centre = int(x) * WIDTH // 230, int(y) * HEIGHT // 230
        cv2.circle(picture, centre, 5, tuple(int(one) for one in colour), -1)
    return picture


def climber(seed: int, step: int) -> np.ndarray:
    """The wall with somebody on it who has climbed up so many steps of 4 pixels."""
    picture = wall(seed)
    cv2.rectangle(picture, (150, 200 - 4 * step), (162, 220 - 4 * step), (20, 30, 220), -1)
    return picture


def climbing(count: int = 50, seed: int = 1) -> list[np.ndarray]:
    return [climber(seed, step % 45) for step in range(count)]


def blurred(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), 5)


def masked(picture: np.ndarray) -> np.ndarray:
    """As cleaning leaves it: the whole left side and a box of text are black."""
    painted = picture.copy()
    painted[:, :130] = 0
    painted[10:40, 200:300] = 0
    return painted


def chosen(folder: Path, pictures: Sequence[np.ndarray], count: int = 5) -> Chosen:
    clip = write_clip(folder / "clip.mp4", pictures)
    frames = folder / "frames"
    frames.mkdir(exist_ok=True)
    return choose(clip, count, frames)


def indexes(choice: Chosen) -> list[int]:
    return [frame.index for frame in choice.frames]


def test_the_middle_of_each_fifth_is_taken(tmp_path: Path) -> None:
    choice = chosen(tmp_path, climbing(50))
    assert (choice.seen, dict(choice.rejected)) == (50, {})
    assert indexes(choice) == [4, 14, 24, 34, 44]
    assert [frame.time_s for frame in choice.frames] == [index / 25 for index in indexes(choice)]


def test_the_files_are_named_by_their_place_and_hold_what_is_said(tmp_path: Path) -> None:
    choice = chosen(tmp_path, climbing(50))
    for frame in choice.frames:
        assert frame.path.name == f"{frame.index:08d}.jpg"
        assert hashlib.sha256(frame.path.read_bytes()).hexdigest() == frame.sha256
        picture = climbing(50)[frame.index]
        assert np.abs(read_still(frame.path).astype(int) - picture).mean() < 6
    assert sorted((tmp_path / "frames").iterdir()) == [frame.path for frame in choice.frames]


def test_the_same_clip_gives_the_same_files(tmp_path: Path) -> None:
    first, second = (chosen(tmp_path, climbing(50)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("bad", [BLACK, GREY, blurred(wall())], ids=["black", "plain", "blurred"])
def test_bad_middles_give_way_to_good_frames_of_the_same_fifth(
    tmp_path: Path, bad: np.ndarray
) -> None:
    pictures = climbing(50)
    for middle in (4, 14, 24, 34, 44):
        pictures[middle - 2 : middle + 3] = [bad] * 5
    choice = chosen(tmp_path, pictures)
    assert [index // 10 for index in indexes(choice)] == [0, 1, 2, 3, 4]
    assert not any(2 <= index % 10 <= 6 for index in indexes(choice))
    assert sum(choice.rejected.values()) >= 20


def test_a_frozen_picture_is_sent_once(tmp_path: Path) -> None:
    choice = chosen(tmp_path, [climber(1, 3)] * 40)
    assert len(choice.frames) == 1
    assert choice.rejected["duplicate"] > 0


def test_a_black_half_leaves_its_places_to_the_other(tmp_path: Path) -> None:
    choice = chosen(tmp_path, [*climbing(30), *[BLACK] * 30])
    assert len(choice.frames) == 5
    assert max(indexes(choice)) < 30
    assert choice.rejected["black"] == 30


@pytest.mark.parametrize("picture", [BLACK, GREY], ids=["black", "plain"])
def test_nothing_to_see_is_said(tmp_path: Path, picture: np.ndarray) -> None:
    with pytest.raises(Failed) as caught:
        chosen(tmp_path, [picture] * 20)
    assert caught.value.reason is Reason.NO_USABLE_FRAME
    assert caught.value.facts == {"seen": 20, "black": 20}
    assert list((tmp_path / "frames").iterdir()) == []


def test_black_boxes_make_nothing_black_blurred_or_the_same(tmp_path: Path) -> None:
    choice = chosen(tmp_path, [masked(picture) for picture in climbing(50)])
    assert len(choice.frames) == 5
    assert dict(choice.rejected) == {}


def test_sharp_edges_of_boxes_do_not_make_a_blurred_frame_sharp() -> None:
    sharp = candidate_of(masked(wall()), 0, 0.0, 0, 1024)
    soft = candidate_of(masked(blurred(wall())), 1, 0.0, 0, 1024)
    assert soft.sharpness < 0.1 * sharp.sharpness


def test_a_plain_frame_with_a_black_box_is_still_plain() -> None:
    assert candidate_of(masked(GREY), 0, 0.0, 0, 1024).black


def test_a_frame_of_which_little_is_visible_is_not_black() -> None:
    window = BLACK.copy()
    window[80:140, 120:200] = wall()[80:140, 120:200]
    assert not candidate_of(window, 0, 0.0, 0, 1024).black


def test_a_short_scene_is_shown(tmp_path: Path) -> None:
    pictures = [*climbing(92, seed=1), *climbing(14, seed=2), *climbing(94, seed=3)]
    assert any(92 <= index < 106 for index in indexes(chosen(tmp_path, pictures)))


def roof(step: int) -> np.ndarray:
    """A plain roof with a few seams and a hatch, seen from a passing train."""
    picture = GREY.copy()
    for seam in range(0, WIDTH, 80):
        cv2.line(picture, (seam + step, 0), (seam + step, HEIGHT), (140, 145, 150), 1)
    return cv2.circle(picture, (40 + 4 * step, 120), 30, (80, 90, 200), -1)


def test_a_scene_with_little_detail_is_no_blurred_one(tmp_path: Path) -> None:
    choice = chosen(tmp_path, [*map(roof, range(40)), *climbing(40)])
    assert [index // 16 for index in indexes(choice)] == [0, 1, 2, 3, 4]


def test_wild_movement_is_no_cut_at_every_frame(tmp_path: Path) -> None:
    pictures = [np.roll(wall(), 40 * step, axis=1) for step in range(40)]
    candidates = sample(write_clip(tmp_path / "wild.mp4", pictures), 5, 1024).candidates
    assert max(one.scene for one in candidates) <= 3


def test_a_clip_shorter_than_the_count_gives_what_it_has(tmp_path: Path) -> None:
    assert indexes(chosen(tmp_path, climbing(3))) == [0, 1, 2]


@pytest.mark.parametrize("count", [1, 2, 9])
def test_as_many_as_asked_for(tmp_path: Path, count: int) -> None:
    assert len(chosen(tmp_path, climbing(45), count).frames) == count


def test_a_long_clip_keeps_a_bounded_number(tmp_path: Path) -> None:
    small = [cv2.resize(picture, (64, 48)) for picture in climbing(45)]
    clip = write_clip(tmp_path / "long.mp4", small * 40)
    sampled = sample(clip, 5, 1024)
    even = [one.index for one in sampled.candidates]
    assert sampled.seen == 1800
    assert len(even) <= 2 * 65
    assert max(after - before for before, after in pairwise(even)) <= 64


def test_flashes_do_not_fill_the_memory(tmp_path: Path) -> None:
    two = [cv2.resize(wall(seed), (64, 48)) for seed in (1, 2)]
    two[1] = 255 - two[1]
    clip = write_clip(tmp_path / "flashes.mp4", [two[index // 8 % 2] for index in range(1600)])
    assert len(sample(clip, 5, 1024).candidates) <= 2 * 65


def test_a_still_is_its_own_only_frame(tmp_path: Path) -> None:
    large = cv2.resize(wall(), (1600, 1200))
    cv2.imwrite(str(tmp_path / "still.png"), large)
    [frame] = choose(tmp_path / "still.png", 5, tmp_path).frames
    assert (frame.index, frame.time_s) == (0, 0.0)
    assert read_still(frame.path).shape == (768, 1024, 3)


def test_the_child_process_does_it(tmp_path: Path, warm: Worker) -> None:
    clip = write_clip(tmp_path / "clip.mp4", climbing(20))
    choice = warm.call(prepare, clip, tmp_path, 2, 100, limit_s=60)
    assert choice == choose(clip, 2, tmp_path, 100)
    assert max(read_still(choice.frames[0].path).shape) == 100


def test_giving_the_order_loads_nothing_heavy() -> None:
    check = "assert not {'cv2', 'av', 'numpy'} & set(sys.modules)"
    modules = ("child", "evidence", "kinds")
    lines = "".join(f"import supervisor_core.analysis.{name}\n" for name in modules)
    subprocess.run([sys.executable, "-c", f"{lines}import sys\n{check}"], check=True)


@pytest.mark.campaign
@pytest.mark.parametrize(
    "name",
    [
        "sports_people/armwrestling.mp4",
        "sports_people/asl_walk.mkv",
        "sports_people/pancake.mkv",
        "general/bikes.mp4",
        "medical/overlay_laparoscopy_derived.mp4",
    ],
)
def test_real_recordings_give_five_spread_frames(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    choice = choose(shared_data / name, 5, tmp_path)
    parts = [frame.index * 5 // choice.seen for frame in choice.frames]
    assert parts == [0, 1, 2, 3, 4]
