"""The proof finds what is planted into a finished file, whatever the cleaner's report claims."""

import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from cleaning_builders import job_for, outcome
from clip_builders import NAME, Recipe, arrows, scene, write_clip, written

from supervisor_core.cleaning.job import CleanReport, Job, VerifyReport
from supervisor_core.cleaning.ladder import clean, verify
from supervisor_core.media.encode import VideoWriter
from supervisor_core.media.frames import Colour, Frame, frame_of
from supervisor_core.media.policy import AudioPolicy
from supervisor_core.reasons import Reason

COUNT = 12
FLAGS = {"movflags": "+faststart", "fflags": "+bitexact"}


@pytest.fixture
def cleaned(tmp_path: Path) -> tuple[Job, CleanReport]:
    """A clip without text that was cleaned; its finished file may be replaced by the test."""
    source = write_clip(tmp_path / "in.mp4", [scene(index) for index in range(COUNT)])
    job = job_for(source, tmp_path / "out.mp4")
    return job, clean(job)


def write(
    job: Job, pictures: list[np.ndarray], times: list[int] | None = None, clock: int = 25
) -> None:
    """Replaces the finished file by other pictures or times, written as the cleaner writes."""
    path, colour = job.destination, Colour(1, 2, 2, 2)
    with VideoWriter(path, time_base=Fraction(1, clock), rate=Fraction(25), colour=colour) as out:
        for index, picture in enumerate(pictures):
            made = frame_of(picture, index, 0)
            out.write(Frame(index, times[index] if times else index, *made.planes))


def pictures() -> list[np.ndarray]:
    return [scene(index) for index in range(COUNT)]


def test_a_file_written_again_unchanged_is_verified(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    write(job, pictures())
    proof = verify(job, report)
    assert proof.reason is None
    assert (proof.frames, proof.frames_match, proof.stray_metadata) == (COUNT, True, False)


@pytest.mark.parametrize("place", [0, 1, 6, COUNT - 1])
def test_one_frame_with_a_name_is_found(place: int, cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    changed = pictures()
    changed[place] = written(changed[place], NAME)
    write(job, changed)
    proof = verify(job, report)
    assert (proof.reason, proof.residual_regions) == (Reason.RESIDUAL_TEXT, 1)


@pytest.mark.parametrize("scale", [0.4, 0.6, 1.5])
def test_small_and_large_letters_are_found(scale: float, cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    write(job, [written(picture, "MEIER", (20, 120), scale) for picture in pictures()])
    assert verify(job, report).reason is Reason.RESIDUAL_TEXT


def test_a_missing_frame_is_found(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    write(job, pictures()[:-1])
    assert verify(job, report).reason is Reason.FRAMES_MISSING


def test_a_frame_too_many_is_found(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    write(job, [*pictures(), scene(COUNT)])
    assert verify(job, report).reason is Reason.FRAMES_MISSING


def test_a_frame_shown_at_another_time_is_found(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    times = [number * 3600 for number in range(COUNT)]
    write(job, pictures(), times, clock=90_000)
    assert verify(job, report).verified
    times[5] += 90
    write(job, pictures(), times, clock=90_000)
    assert verify(job, report).reason is Reason.FRAMES_MISSING


def test_another_size_is_found(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    write(job, [scene(index, 318, 240) for index in range(COUNT)])
    assert verify(job, report).reason is Reason.FRAMES_MISSING


def test_a_damaged_file_is_never_verified(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    whole = job.destination.read_bytes()
    place = whole.index(b"mdat") + 40
    job.destination.write_bytes(whole[:place] + bytes(200) + whole[place + 200 :])
    assert outcome(job, report) is not None
    job.destination.write_bytes(whole[: place + 100])
    assert outcome(job, report) is not None


Plant = Callable[[Any, Any], None]


def remux(path: Path, plant: Plant, format_: str = "mp4", **options: str) -> None:
    """Writes the file's stream into a new container, with something planted beside it."""
    moved = path.with_suffix(".moved")
    path.rename(moved)
    with (
        av.open(str(moved)) as source,
        av.open(str(path), "w", format=format_, options={**FLAGS, **options}) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        stream.metadata.clear()
        packets = list(source.demux(source.streams.video[0]))
        plant(output, stream)
        for packet in packets:
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)


def _nothing(output: Any, stream: Any) -> None:
    pass


def _title(output: Any, stream: Any) -> None:
    output.metadata["title"] = "Mustermann"


def _stream_title(output: Any, stream: Any) -> None:
    stream.metadata["handler_name"] = "Mustermann"


def _language(output: Any, stream: Any) -> None:
    stream.metadata["language"] = "deu"


def _chapters(output: Any, stream: Any) -> None:
    chapter = {"id": 1, "start": 0, "end": 2, "time_base": Fraction(1, 25)}
    output.set_chapters([{**chapter, "metadata": {"title": "Mustermann"}}])


def _sound(output: Any, stream: Any) -> None:
    sound = output.add_stream("aac", rate=48_000, layout="mono")
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
    frame.sample_rate, frame.pts = 48_000, 0
    output.mux(sound.encode(frame))
    output.mux(sound.encode(None))


def _subtitles(output: Any, stream: Any) -> None:
    side = output.add_mux_stream("mov_text")
    _one_packet(output, side, struct.pack(">H", 10) + b"Mustermann")


def _data(output: Any, stream: Any) -> None:
    _one_packet(output, output.add_data_stream("bin_data"), b"Mustermann")


def _one_packet(output: Any, side: Any, content: bytes) -> None:
    packet = av.Packet(content)
    packet.stream, packet.pts, packet.dts, packet.duration = side, 0, 0, 5
    packet.time_base = Fraction(1, 25)
    output.mux(packet)


def _second_picture(output: Any, stream: Any) -> None:
    second = output.add_stream("libx264", rate=25)
    second.width, second.height, second.pix_fmt = 64, 48, "yuv420p"
    for index, pixels in enumerate(arrows(3)):
        frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
        frame.pts = index
        output.mux(second.encode(frame))
    output.mux(second.encode(None))


PLANTS = (
    *(_title, _stream_title, _language, _chapters),
    *(_sound, _subtitles, _data, _second_picture),
)


def test_the_same_stream_in_a_bare_container_is_verified(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    remux(job.destination, _nothing)
    assert verify(job, report).verified


@pytest.mark.parametrize("plant", PLANTS)
def test_whatever_travels_beside_the_picture_is_found(
    plant: Plant, cleaned: tuple[Job, CleanReport]
) -> None:
    job, report = cleaned
    remux(job.destination, plant)
    proof = verify(job, report)
    assert (proof.reason, proof.residual_regions) == (Reason.RESIDUAL_METADATA, 0)


def test_sound_is_stray_unless_the_profile_keeps_it(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    remux(job.destination, _sound)
    assert verify(job, report).reason is Reason.RESIDUAL_METADATA
    assert verify(replace(job, audio=AudioPolicy.KEEP), report).verified


def _attachment(output: Any, stream: Any) -> None:
    output.add_attachment("letter.txt", "text/plain", b"Mustermann")


def test_another_container_is_not_what_was_promised(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    remux(job.destination, _attachment, format_="matroska", movflags="")
    assert verify(job, report).reason is Reason.RESIDUAL_METADATA


def test_user_data_inside_the_stream_is_found(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    note = "h264_metadata=sei_user_data=086f3693b7b34f2c965321492feee5b8+Mustermann"
    _filtered(job.destination, note)
    assert b"Mustermann" in job.destination.read_bytes()
    assert verify(job, report).reason is Reason.RESIDUAL_METADATA


def _filtered(path: Path, filter_: str) -> None:
    moved = path.with_suffix(".moved")
    path.rename(moved)
    with (
        av.open(str(moved)) as source,
        av.open(str(path), "w", format="mp4", options=FLAGS) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        stream.metadata.clear()
        units = BitStreamFilterContext(filter_, source.streams.video[0], stream)
        for packet in source.demux(source.streams.video[0]):
            for changed in units.filter(packet if packet.dts is not None else None):
                changed.stream = stream
                output.mux(changed)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.mark.parametrize("kind", [b"free", b"uuid", b"mdat", b"skip", b"udta"])
def test_a_box_that_no_player_shows_is_found(kind: bytes, cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    with job.destination.open("ab") as file:
        file.write(_box(kind, b"geb. 24.12.1950 in M\xfcnchen"))
    assert verify(job, report).reason is Reason.RESIDUAL_METADATA


def test_bytes_between_the_coded_pictures_are_found(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    content = job.destination.read_bytes()
    place = content.rindex(b"mdat")
    size = int.from_bytes(content[place - 4 : place], "big")
    longer = struct.pack(">I", size + 10) + content[place:] + b"Mustermann"
    job.destination.write_bytes(content[: place - 4] + longer)
    assert verify(job, report).reason is Reason.RESIDUAL_METADATA


def test_bytes_behind_the_last_box_are_found(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    with job.destination.open("ab") as file:
        file.write(b"Mustermann")
    assert outcome(job, report) is Reason.RESIDUAL_METADATA


def test_the_proof_names_the_bytes_it_read(cleaned: tuple[Job, CleanReport]) -> None:
    job, report = cleaned
    first: VerifyReport = verify(job, report)
    write(job, pictures())
    assert verify(job, report).sha256 != first.sha256


def test_hidden_frames_in_a_finished_file_are_found(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", pictures())
    job = job_for(source, tmp_path / "out.mp4")
    report = clean(job)
    hidden = [written(scene(), NAME)] * 3
    recipe = Recipe(times=range(-3, COUNT))
    write_clip(job.destination, [*hidden, *pictures()], recipe)
    _filtered_keeping_hidden(job.destination)
    assert outcome(job, report) is not None


def _filtered_keeping_hidden(path: Path) -> None:
    """Takes the encoder's name and tags out, so that only the hidden frames are left to find."""
    moved = path.with_suffix(".moved")
    path.rename(moved)
    with (
        av.open(str(moved)) as source,
        av.open(str(path), "w", format="mp4", options=FLAGS) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        stream.metadata.clear()
        units = BitStreamFilterContext("filter_units=pass_types=1-5|7-8", stream, stream)
        for packet in source.demux(source.streams.video[0]):
            for kept in units.filter(packet if packet.dts is not None else None):
                kept.stream = stream
                output.mux(kept)
