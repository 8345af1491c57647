"""Frames come one by one: what was read is let go of at once, and parts of one are views of it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from clip_builders import arrows, write_clip

from supervisor_core.cleaning.stray import stray_in_video
from supervisor_core.media.encode import copy_picture
from supervisor_core.media.frames import VideoFrames, frame_of
from supervisor_core.media.policy import AudioPolicy


@contextmanager
def uncollected() -> Iterator[list[object]]:
    """What only the garbage collector could free of all that the block has left."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    left: list[object] = []
    try:
        yield left
        gc.collect()
        left += [one for one in gc.garbage if isinstance(one, av.VideoFrame)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    write_clip(path, arrows(12))
    return path


def test_frames_that_were_read_need_no_garbage_collector(clip: Path) -> None:
    with uncollected() as left:
        count = sum(1 for _ in VideoFrames(clip))
    assert count > 5
    assert len(left) <= 1


def test_nor_do_those_that_are_searched_for_strays(clip: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.mp4"
    copy_picture(clip, bare)
    with uncollected() as left:
        stray_in_video(bare, AudioPolicy.DROP)
    assert len(left) <= 1


@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_a_part_of_a_frame_is_that_part_of_its_picture(size: tuple[int, int]) -> None:
    width, height = size
    picture = np.random.default_rng(3).integers(0, 255, (height, width, 3)).astype(np.uint8)
    frame = frame_of(picture, 4, 5)
    part = frame.cut(slice(16, 64), slice(32, 64))
    assert (part.index, part.time) == (4, 5)
    assert np.array_equal(part.bgr(), frame.bgr()[16:, 32:])
