"""Recordings whose clock jumped are cleaned like any other: every frame of them, at its time.

Joined or in their segments, with pictures that begin between two ticks of a microsecond.
"""

import io
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from cleaning_builders import job_for
from hls_server import GROUP, HEIGHT, RATE, WIDTH, numbered
from joining_parts import coded, cut_at_keys, put, see

from supervisor_core.cleaning.job import Level
from supervisor_core.cleaning.ladder import clean, verify
from supervisor_core.media.frames import VideoFrames
from supervisor_core.media.policy import AudioPolicy
from supervisor_core.recording.joining import join

TICKS = 90_000
STEP = TICKS // RATE
COUNT = 12


def stream(start: int, first: int = 0, step: int = STEP, codec: str = "aac") -> bytes:
    """A transport stream whose pictures begin at a tick, and its sound up to a second earlier."""
    output = io.BytesIO()
    with av.open(output, "w", format="mpegts", options={"mpegts_copyts": "1"}) as container:
        video = container.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.time_base = Fraction(1, TICKS)
        video.options = {
            "preset": "ultrafast",
            "x264-params": f"keyint={GROUP}:bframes=2:b-adapt=0",
        }
        sound = container.add_stream(codec, rate=48_000)
        for index in range(COUNT):
            picture = av.VideoFrame.from_ndarray(numbered(first + index), format="bgr24")
            picture.pts, picture.time_base = start + index * step, Fraction(1, TICKS)
            container.mux(video.encode(picture))
            container.mux(sound.encode(_silence(start // TICKS, index, sound.format.name)))
        for one in (video, sound):
            container.mux(one.encode(None))
    return output.getvalue()


def _silence(start_s: int, index: int, form: str) -> av.AudioFrame:
    samples = 48_000 // RATE
    frame = av.AudioFrame(format=form, layout="mono", samples=samples)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
    frame.pts = start_s * 48_000 + index * samples
    return frame


def proven(source: Path, level: Level, audio: AudioPolicy = AudioPolicy.DROP) -> Path:
    """Cleans a file, has it read again, and returns the cleaned one."""
    job = job_for(source, source.with_suffix(f".{level}.mp4"), level=level, audio=audio)
    report = clean(job)
    proof = verify(job, report)
    assert (proof.reason, proof.frames_match) == (None, True)
    return job.destination


def times(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds after the first."""
    frames = VideoFrames(path)
    found = [frame.time for frame in frames]
    return [(time - found[0]) * frames.time_base for time in found]


def steps_s(path: Path) -> set[float]:
    return {round(float(after - before), 6) for before, after in pairwise(times(path))}


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("step", [STEP, 3003])
def test_a_recording_that_jumped_twice_is_joined_and_cleaned(
    level: Level, step: int, tmp_path: Path
) -> None:
    clocks = (10 * TICKS + 1234, 50 * TICKS + 777, 20 * TICKS + 5)
    streams = [stream(at, 100 * n, step=step) for n, at in enumerate(clocks)]
    (part,) = join(put(tmp_path, streams), tmp_path / "out")
    cleaned = proven(part.path, level)
    assert times(cleaned) == times(part.path)
    numbers = [100 * clock + index for clock in range(3) for index in range(COUNT)]
    assert see(part.path).numbers == numbers
    if level is Level.FRAME_LEVEL:
        assert see(cleaned).numbers == numbers


def whole(folder: Path, starts_s: Sequence[float], codec: str = "aac") -> Path:
    """All clocks in one segment, as one that can't be joined is handed over."""
    streams = [
        stream(round(start * TICKS), 100 * n, codec=codec) for n, start in enumerate(starts_s)
    ]
    (path,) = put(folder, [b"".join(streams)])
    return path


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize(
    ("second_s", "longest_s"),
    [
        (50.0, 50.0 - 10.0 - (COUNT - 1) / RATE),  # a gap in time
        (9.0, 1 / RATE),  # another clock, a little behind
        (72_000.0, 1 / RATE),  # another clock, further ahead than MP4 can say
        (2**33 / TICKS - 1.0, 1 / RATE),
    ],
)
def test_a_segment_that_jumps_within_is_cleaned(
    level: Level, second_s: float, longest_s: float, tmp_path: Path
) -> None:
    source = whole(tmp_path, (10.0, second_s))
    cleaned = proven(source, level)
    assert times(cleaned) == times(source)
    assert steps_s(cleaned) == {1 / RATE, round(longest_s, 6)}


@pytest.mark.parametrize("level", Level)
def test_a_clock_that_begins_anew_far_behind_goes_on(level: Level, tmp_path: Path) -> None:
    cleaned = proven(whole(tmp_path, (2000.0, 10.0)), level)
    assert steps_s(cleaned) == {1 / RATE}


@pytest.mark.parametrize("level", Level)
def test_a_recording_that_begins_within_a_group_is_whole(level: Level, tmp_path: Path) -> None:
    options = (("x264-params", "keyint=12:min-keyint=2:scenecut=0:b-adapt=0:bframes=2:open-gop=1"),)
    paths = put(tmp_path, cut_at_keys(coded("libx264", options), 1)[3:4])
    (part,) = join(paths, tmp_path / "out")
    assert times(proven(part.path, level)) == times(part.path)


@pytest.mark.parametrize("codec", ["aac", "mp2"])
@pytest.mark.parametrize("clocks", [(50.0, 10.0), (10.0, 9.8), (10.0, 72_000.0)])
def test_sound_follows_the_pictures_over_a_jump(
    codec: str, clocks: tuple[float, float], tmp_path: Path
) -> None:
    source = whole(tmp_path, clocks, codec)
    cleaned = proven(source, Level.FRAME_LEVEL, AudioPolicy.KEEP)
    assert len(times(cleaned)) == 2 * COUNT
    with av.open(f"file:{cleaned}") as container:
        sounds = [packet for packet in container.demux(audio=0) if packet.size]
        last_s = float(sounds[-1].pts * sounds[-1].time_base)
    assert 0.3 < last_s < 2 * COUNT / RATE + 0.5
