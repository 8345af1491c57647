"""What may travel along when a stream is copied or sound is kept: nothing that nobody looked at."""

from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from clip_builders import Recipe, arrows, as_players_do, read_all, scene, write_clip, written

from supervisor_core.media.encode import Sound, VideoWriter, copy_picture, may_copy
from supervisor_core.media.frames import VideoFrames

SECRET = b"geb. 24.12.1950"


def _copied(source: Path, destination: Path) -> Path:
    copy_picture(source, destination)
    return destination


def test_a_plain_stream_may_be_copied_and_keeps_pictures_and_times(tmp_path: Path) -> None:
    recipe = Recipe(options={"bf": "2"}, times=(0, 1, 2, 5, 9, 10, 30, 31))
    source = write_clip(tmp_path / "in.mp4", arrows(), recipe)
    before, frames = read_all(source)
    assert may_copy(source, before.count)
    after, again = read_all(_copied(source, tmp_path / "out.mp4"))
    assert after.timeline.digest() == before.timeline.digest()
    assert all(one.same_picture(two) for one, two in zip(frames, again, strict=True))


@pytest.mark.parametrize("turn", [90, 180])
def test_a_copy_is_shown_as_upright_as_its_source(turn: int, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", arrows(3), Recipe(turn=(turn, True)))
    _, frames = read_all(source)
    _, again = read_all(_copied(source, tmp_path / "out.mp4"))
    assert all(one.same_picture(two) for one, two in zip(frames, again, strict=True))


def test_a_stream_that_starts_late_is_copied_from_zero(tmp_path: Path) -> None:
    late = range(5000, 5320, 40)
    recipe = Recipe(times=late, time_base=Fraction(1, 1000), options={"bf": "0"})
    source = write_clip(tmp_path / "in.mkv", arrows(), recipe)
    before, _ = read_all(source)
    assert may_copy(source, before.count)
    after, _ = read_all(_copied(source, tmp_path / "out.mp4"))
    assert after.timeline.digest() == before.timeline.digest()


def test_pictures_without_a_decoding_time_are_not_copied(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", arrows(), Recipe(options={"bf": "3"}))
    assert not may_copy(source, 8)


def _hidden_by_edit_list(path: Path) -> Path:
    """The muxer hides what comes before zero with an edit list; the packets stay in the file."""
    pictures = [written(scene(index)) if index < 5 else scene(index) for index in range(12)]
    return write_clip(path, pictures, Recipe(times=range(-5, 7)))


def _hidden_by_cropping(path: Path) -> Path:
    pictures = [written(scene(index), at=(20, 230)) for index in range(6)]
    return write_clip(path, pictures, Recipe(options={"x264-params": "crop-rect=0,0,0,48"}))


HIDING = (_hidden_by_edit_list, _hidden_by_cropping)


@pytest.mark.parametrize("hide", HIDING)
def test_hidden_pictures_are_not_copied_and_do_not_survive(
    hide: Callable[[Path], Path], tmp_path: Path
) -> None:
    source = hide(tmp_path / "in.mp4")
    frames, _ = read_all(source)
    assert not may_copy(source, frames.count)
    reader = VideoFrames(source)
    with _writer(tmp_path / "out.mp4", reader) as writer:
        for frame in reader:
            writer.write(frame)
    every = _every_coded_picture(tmp_path / "out.mp4")
    assert len(every) == reader.count
    assert {picture.shape for picture in every} == {as_players_do(source)[0].shape}


def _every_coded_picture(path: Path) -> list[np.ndarray]:
    options = {"ignore_editlist": "1", "advanced_editlist": "0"}
    with av.open(str(path), options=options) as container:
        container.streams.video[0].codec_context.options = {"apply_cropping": "0"}
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("codec", ["mpeg4", "libvpx-vp9", "libx265"])
def test_only_h264_is_copied(codec: str, suffix: str, tmp_path: Path) -> None:
    source = write_clip(tmp_path / f"in{suffix}", arrows(), Recipe(codec=codec))
    assert not may_copy(source, 8)


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv444p"])
def test_only_what_every_player_shows_is_copied(pixel_format: str, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", arrows(), Recipe(pixel_format=pixel_format))
    assert not may_copy(source, 8)


def test_a_stream_of_more_packets_than_pictures_is_not_copied(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", arrows())
    assert may_copy(source, 8)
    assert not may_copy(source, 7)


def test_user_data_between_the_pictures_is_left_behind(tmp_path: Path) -> None:
    source = _with_user_data(tmp_path)
    assert SECRET in source.read_bytes()
    copy = _copied(source, tmp_path / "out.mp4")
    assert SECRET not in copy.read_bytes()
    assert read_all(copy)[0].timeline.digest() == read_all(source)[0].timeline.digest()
    with av.open(str(copy)) as container:
        assert not any(list(frame.side_data) for frame in container.decode(video=0))


def _with_user_data(folder: Path) -> Path:
    plain = write_clip(folder / "plain.mp4", arrows())
    path = folder / "in.mp4"
    text = f"h264_metadata=sei_user_data=086f3693b7b34f2c965321492feee5b8+{SECRET.decode()}"
    with av.open(str(plain)) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        units = BitStreamFilterContext(text, source.streams.video[0], stream)
        for packet in [*source.demux(source.streams.video[0])]:
            for changed in units.filter(packet if packet.dts is not None else None):
                changed.stream = stream
                output.mux(changed)
    return path


def test_real_captions_are_left_behind(shared_data: Path, tmp_path: Path) -> None:
    source = _as_mp4(shared_data / "hls" / "captions_1080.ts", tmp_path / "in.mp4", packets=40)
    copy = _copied(source, tmp_path / "out.mp4")
    assert _extras(source) == {"A53_CC", "SEI_UNREGISTERED"}
    assert _extras(copy) == set()


def _as_mp4(source: Path, path: Path, packets: int) -> Path:
    with av.open(str(source)) as container, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        for packet in islice(container.demux(container.streams.video[0]), packets):
            packet.stream = stream
            output.mux(packet)
    return path


def _extras(path: Path) -> set[str]:
    with av.open(str(path)) as container:
        return {extra.type.name for frame in container.decode(video=0) for extra in frame.side_data}


def _with_sound(path: Path, codec: str) -> Path:
    """A second of picture, and a tone that ends with it; the sound's stream carries a title."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(codec, rate=48_000, layout="stereo")
        sound.metadata["title"] = "Mustermann"
        for index, pixels in enumerate(arrows(25)):
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            frame.pts = index
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        _mux_tone(container, sound)
    return path


def _mux_tone(container: Any, sound: Any) -> None:
    size = sound.frame_size or 960
    resampler = av.AudioResampler(sound.format, "stereo", 48_000, frame_size=size)
    tone = np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000).astype(np.float32) / 2
    frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
    frame.sample_rate, frame.pts = 48_000, 0
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(sound.encode(part))
    container.mux(sound.encode(None))


def _writer(path: Path, frames: VideoFrames, sound: Sound | None = None) -> VideoWriter:
    return VideoWriter(
        path, time_base=Fraction(1, 12_800), rate=frames.rate, colour=frames.colour, sound=sound
    )


SOUNDS = {
    "aac": (".mp4", "aac"),
    "libmp3lame": (".mkv", "mp3"),
    "libopus": (".mkv", "opus"),
    "pcm_s16le": (".mov", "aac"),
    "mp2": (".mkv", "aac"),
}


@pytest.mark.parametrize("codec", SOUNDS)
def test_kept_sound_is_heard_in_full_and_says_nothing_of_itself(codec: str, tmp_path: Path) -> None:
    suffix, written_as = SOUNDS[codec]
    source = _with_sound(tmp_path / f"in{suffix}", codec)
    frames = VideoFrames(source)
    with _writer(tmp_path / "out.mp4", frames, Sound(source)) as writer:
        for frame in frames:
            writer.write(frame)
    assert b"Mustermann" not in (tmp_path / "out.mp4").read_bytes()
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.streams.audio[0].codec_context.codec.canonical_name == written_as
        samples = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert 0.9 < len(samples) / 48_000 < 1.1
    assert 0.25 < np.sqrt(np.mean(samples[4_800:43_200] ** 2)) < 0.45


def test_a_source_without_sound_gives_a_silent_file(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", arrows())
    frames = VideoFrames(source)
    with _writer(tmp_path / "out.mp4", frames, Sound(source)) as writer:
        for frame in frames:
            writer.write(frame)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
