"""A clip is found in the film it was cut from, however it was encoded anew, and in no other."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from media_builders import write_sound, write_video
from picture_builders import cropped, painted, panned, scaled

from supervisor_core.enrichment.clips import ClipFinder, Found, find_clip
from supervisor_core.enrichment.video_pdq import (
    STEP_S,
    Sampler,
    VideoFingerprint,
    fingerprint_video,
)
from supervisor_core.media.frames import VideoFrames
from supervisor_core.reasons import Failed, Reason

RATE = 10
LONG_S = 24.0
BEGIN_S = 8.3
CUT = slice(round(BEGIN_S * RATE), round((BEGIN_S + 6) * RATE))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="module")
def film(folder: Path) -> VideoFingerprint:
    return fingerprint_video(write_video(folder / "film.mp4", panned(LONG_S), rate=RATE))


@pytest.fixture(scope="module")
def finder(film: VideoFingerprint) -> ClipFinder:
    others = {str(seed): sampled(panned(LONG_S, seed=seed)) for seed in (1, 2, 3)}
    return ClipFinder(others | {"film": film})


def sampled(frames: list[np.ndarray]) -> VideoFingerprint:
    sampler = Sampler()
    for number, frame in enumerate(frames):
        if sampler.wants(number / RATE):
            sampler.take(number / RATE, frame)
    return sampler.result()


EDITS = {
    "as it is": lambda frame: frame,
    "smaller": lambda frame: scaled(frame, 0.5),
    "cropped": lambda frame: np.ascontiguousarray(cropped(frame, 0.034)),
    "darker": lambda frame: (frame * 0.7).astype(np.uint8),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_clip_is_found_with_its_offset(
    edit: str, codec: str, finder: ClipFinder, tmp_path: Path
) -> None:
    frames = [EDITS[edit](frame) for frame in panned(LONG_S)[CUT]]
    even = [np.ascontiguousarray(one[: one.shape[0] // 2 * 2, : one.shape[1] // 2 * 2])
            for one in frames]  # fmt: skip
    path = write_video(tmp_path / "clip.mp4", even, rate=RATE, codec=codec)
    found = finder.find(fingerprint_video(path))
    assert list(found) == ["film"]
    assert found["film"].offset_s == pytest.approx(BEGIN_S, abs=0.5)
    assert found["film"].matched >= 0.9
    assert found["film"].certain


def test_a_clip_of_another_frame_rate_is_found(finder: ClipFinder, tmp_path: Path) -> None:
    frames = panned(LONG_S)[CUT][::2]
    found = finder.find(
        fingerprint_video(write_video(tmp_path / "clip.mp4", frames, rate=RATE // 2))
    )
    assert found["film"].offset_s == pytest.approx(BEGIN_S, abs=0.5)


def test_what_is_not_in_the_films_is_not_found(finder: ClipFinder) -> None:
    assert finder.find(sampled(panned(6, seed=9))) == {}
    assert ClipFinder({}).find(sampled(panned(6))) == {}


def test_a_clip_with_other_scenes_in_it_is_not_the_films(film: VideoFingerprint) -> None:
    mixed = panned(LONG_S)[CUT][:20] + panned(4, seed=9)
    assert find_clip(sampled(mixed), film) is None


def test_too_short_or_too_empty_to_be_told(film: VideoFingerprint) -> None:
    black = [np.zeros((120, 160, 3), np.uint8)] * 60
    assert find_clip(sampled(panned(LONG_S)[83:95]), film) is None
    assert find_clip(sampled(black), film) is None
    assert find_clip(sampled(black), sampled(black)) is None


def test_a_fixed_camera_is_found_but_not_for_certain() -> None:
    still = [painted(4, 160, 120)] * 200
    found = find_clip(sampled(still[:60]), sampled(still))
    assert found is not None
    assert found.distance == 0
    assert not found.certain


def test_long_films_that_all_look_alike_are_compared_within_bounds() -> None:
    """Two hours of a fixed camera: all pairs of samples would take gigabytes."""
    count = 8 * 3600
    hashes = np.tile(np.random.default_rng(1).integers(0, 256, 32, dtype=np.uint8), (count, 1))
    times_s = np.arange(count, dtype=np.float32) / 4
    film = VideoFingerprint(times_s, hashes, np.full(count, 90, np.uint8))
    tracemalloc.start()
    try:
        found = find_clip(film, film)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found is not None
    assert (found.matched, found.distance) == (1.0, 0.0)
    assert peak_bytes < 500e6


def test_a_film_is_found_in_itself_at_its_beginning(film: VideoFingerprint) -> None:
    assert find_clip(film, film) == Found(0.0, 1.0, 0.0, certain=True)


def test_a_video_is_sampled_along_its_whole_length(film: VideoFingerprint) -> None:
    assert film.times_s[0] == 0
    assert film.times_s[-1] > LONG_S - 3 * STEP_S
    assert np.diff(film.times_s).max() <= 2 * STEP_S
    assert film.hashes.shape == (len(film), 32)


def test_the_full_decode_gives_the_same_hashes(film: VideoFingerprint, folder: Path) -> None:
    """Whoever decodes every frame anyway hands the planes over."""
    frames, sampler = VideoFrames(folder / "film.mp4"), Sampler()
    for frame in frames:
        time_s = float(frame.time * frames.time_base)
        if sampler.wants(time_s):
            sampler.take(time_s, frame.luma)
    found = find_clip(sampler.result(), film)
    assert found is not None
    assert (found.offset_s, found.certain) == (0.0, True)
    assert found.matched == 1


def test_a_turned_video_is_hashed_as_it_is_shown(tmp_path: Path) -> None:
    shown = panned(3)
    stored = [np.ascontiguousarray(np.rot90(frame)) for frame in shown]
    quarter = (0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    turned = fingerprint_video(
        write_video(tmp_path / "turned.mp4", stored, rate=RATE, matrix=quarter)
    )
    found = find_clip(sampled(shown), turned)
    assert found is not None
    assert found.offset_s == 0


def test_a_cut_file_gives_what_can_be_seen(folder: Path, tmp_path: Path) -> None:
    whole = write_video(tmp_path / "film.ts", panned(8), rate=RATE)
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert 0 < len(fingerprint_video(cut)) < len(fingerprint_video(whole))


def test_sound_alone_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(Failed) as failed:
        fingerprint_video(write_sound(tmp_path / "sound.mp4"))
    assert failed.value.reason is Reason.NO_VIDEO_STREAM


@pytest.mark.campaign
def test_a_clip_of_a_real_film(shared_data: Path, tmp_path: Path) -> None:
    film = shared_data / "general" / "bikes.mp4"
    begin_s, frames = 4.35, []
    for frame in (source := VideoFrames(film)):
        if begin_s <= (time_s := float(frame.time * source.time_base)) < begin_s + 4:
            frames.append(scaled(frame.bgr()[:270], 0.4))
        if time_s > begin_s + 4:
            break
    clip = fingerprint_video(write_video(tmp_path / "clip.mp4", frames, rate=25))
    others = {"other": fingerprint_video(shared_data / "sports_people" / "armwrestling.mp4")}
    found = ClipFinder(others | {"film": fingerprint_video(film)}).find(clip)
    assert list(found) == ["film"]
    assert found["film"].offset_s == pytest.approx(begin_s, abs=0.5)
