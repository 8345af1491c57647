"""Cleaning whole files: text is gone from every frame, all else is still there, and proof holds."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from cleaning_builders import all_covered, differ, is_covered, job_for, shown
from clip_builders import (
    NAME,
    Recipe,
    as_players_do,
    read_all,
    scene,
    write_clip,
    written,
)
from media_builders import write_dicom
from PIL import Image

from supervisor_core.cleaning import engine
from supervisor_core.cleaning.job import Job, Level
from supervisor_core.cleaning.ladder import clean, verify
from supervisor_core.media.kinds import Container
from supervisor_core.media.policy import AudioPolicy, MaskPolicy
from supervisor_core.reasons import Failed, Reason

COUNT = 12
PLACE = (20, 60)


def clip(path: Path, texts: dict[int, str], count: int = COUNT) -> Path:
    """A moving picture with a text on some of its frames."""
    pictures = [scene(index) for index in range(count)]
    for index, text in texts.items():
        pictures[index] = written(pictures[index], text)
    return write_clip(path, pictures)


def test_text_is_covered_on_every_frame_and_the_result_is_proven(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", dict.fromkeys(range(COUNT), NAME))
    job = job_for(source, tmp_path / "out.part")
    report = clean(job)
    assert all_covered(shown(job.destination))
    assert not any(is_covered(picture) for picture in shown(source))
    assert (report.frames, report.frames_inspected, report.regions) == (COUNT, COUNT, 1)
    assert (report.width, report.height, report.output) == (320, 240, Container.MP4)
    assert not report.copied
    assert 0.05 < report.coverage < 0.25
    proof = verify(job, report)
    assert (proof.verified, proof.frames, proof.residual_regions) == (True, COUNT, 0)


def test_what_was_read_is_told_with_its_place_and_time(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", dict.fromkeys(range(5, 10), NAME))
    (finding,) = clean(job_for(source, tmp_path / "out.mp4")).findings
    assert finding.text.replace(" ", "") == NAME.replace(" ", "")
    assert finding.first_s == pytest.approx(5 / 25)
    assert 9 / 25 <= finding.last_s < COUNT / 25
    assert finding.x < 20 < 250 < finding.x + finding.width
    assert finding.y < 45 < 60 < finding.y + finding.height


@pytest.mark.parametrize("flash", [0, 1, 7, COUNT - 1])
def test_a_name_on_a_single_frame_is_covered(flash: int, tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", {flash: NAME})
    job = job_for(source, tmp_path / "out.mp4")
    report = clean(job)
    assert is_covered(shown(job.destination)[flash])
    assert verify(job, report).verified


def test_the_picture_outside_the_masks_is_left_alone(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", dict.fromkeys(range(COUNT), NAME))
    clean(job_for(source, tmp_path / "out.mp4"))
    for before, after in zip(shown(source), shown(tmp_path / "out.mp4"), strict=True):
        assert abs(before[100:].astype(int) - after[100:]).mean() < 2


def test_a_clip_without_text_is_copied_sample_by_sample(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", {})
    job = job_for(source, tmp_path / "out.mp4")
    report = clean(job)
    assert (report.copied, report.coverage, report.regions) == (True, 0.0, 0)
    assert report.frames_inspected == report.frames == COUNT
    pairs = zip(read_all(source)[1], read_all(job.destination)[1], strict=True)
    assert all(one.same_picture(two) for one, two in pairs)
    assert verify(job, report).verified


def test_blind_masking_does_not_get_past_the_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.detector(), "find", lambda picture: [])
    source = clip(tmp_path / "in.mp4", dict.fromkeys(range(COUNT), NAME))
    job = job_for(source, tmp_path / "out.mp4")
    report = clean(job)
    assert report.regions == 0
    proof = verify(job, report)
    assert proof.reason is Reason.RESIDUAL_TEXT
    assert not proof.verified


def test_blind_masking_of_a_still_does_not_get_past_the_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.detector(), "find", lambda picture: [])
    cv2.imwrite(str(tmp_path / "in.png"), written(scene()))
    job = job_for(tmp_path / "in.png", tmp_path / "out.png")
    assert verify(job, clean(job)).reason is Reason.RESIDUAL_TEXT


def test_repeated_frames_count_as_looked_at_and_stay_covered(tmp_path: Path) -> None:
    still = written(scene())
    recipe = Recipe(codec="ffv1", pixel_format="yuv420p")
    source = write_clip(tmp_path / "in.mkv", [still] * 20, recipe)
    job = job_for(source, tmp_path / "out.mp4")
    report = clean(job)
    assert (report.frames, report.frames_inspected, report.regions) == (20, 20, 1)
    assert all_covered(shown(job.destination))
    assert verify(job, report).verified


@pytest.mark.parametrize(
    ("suffix", "recipe"),
    [
        (".mkv", Recipe(times=(0, 40, 57, 140, 500, 533), time_base=Fraction(1, 1000))),
        (".ts", Recipe(options={"bf": "2"})),
        (".mp4", Recipe(turn=(90, False))),
        (".mp4", Recipe(turn=(270, True))),
        (".mp4", Recipe(pixel_format="yuv420p10le")),
        (".mp4", Recipe(pixel_format="yuvj444p")),
        (".webm", Recipe(codec="libvpx-vp9", options={"speed": "8", "deadline": "realtime"})),
        (".mp4", Recipe(aspect=Fraction(4, 3))),
    ],
)
def test_every_kind_of_source_comes_out_covered_and_whole(
    suffix: str, recipe: Recipe, tmp_path: Path
) -> None:
    upright = [written(scene(index)) for index in range(6)]
    stored = [_against(picture, *recipe.turn) for picture in upright]
    source = write_clip(tmp_path / f"in{suffix}", stored, recipe)
    job = job_for(source, tmp_path / "out.mp4")
    report = clean(job)
    pictures = shown(job.destination)
    assert len(pictures) == report.frames == report.frames_inspected == 6
    assert (report.width, report.height) == (320, 240)
    assert all_covered(pictures)
    assert all(_same_below(one, two) for one, two in zip(pictures, upright, strict=True))
    assert verify(job, report).verified


def _against(picture: np.ndarray, degrees: int, mirrored: bool) -> np.ndarray:
    """What must be stored so that the display matrix makes it the picture."""
    flipped = picture[:, ::-1] if mirrored else picture
    return np.ascontiguousarray(np.rot90(flipped, -degrees // 90))


def _same_below(one: np.ndarray, two: np.ndarray) -> bool:
    return bool(abs(one[100:].astype(int) - two[100:]).mean() < 8)


def test_odd_sizes_grow_by_one_and_are_proven(tmp_path: Path) -> None:
    pictures = [written(scene(index, 319, 239)) for index in range(4)]
    recipe = Recipe(codec="ffv1", pixel_format="yuv420p")
    source = write_clip(tmp_path / "in.mkv", pictures, recipe)
    job = job_for(source, tmp_path / "out.mp4")
    report = clean(job)
    assert (report.width, report.height) == (320, 240)
    assert all_covered(shown(job.destination))
    assert verify(job, report).verified


def test_a_size_that_changes_on_the_way_is_scaled_to_the_first(tmp_path: Path) -> None:
    small = [written(scene(index)) for index in range(6)]
    large = [cv2.resize(picture, (640, 480)) for picture in small]
    parts = [write_clip(tmp_path / f"{n}.ts", part) for n, part in enumerate((small, large))]
    source = tmp_path / "in.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    job = job_for(source, tmp_path / "out.mp4")
    report = clean(job)
    pictures = shown(job.destination)
    assert (len(pictures), report.width, report.height) == (12, 320, 240)
    assert {picture.shape for picture in pictures} == {(240, 320, 3)}
    assert all_covered(pictures)
    assert verify(job, report).verified


def test_one_pixel_is_a_video_too(tmp_path: Path) -> None:
    recipe = Recipe(codec="ffv1", pixel_format="yuv420p")
    source = write_clip(tmp_path / "in.mkv", [scene(0, 1, 1)] * 3, recipe)
    for level in Level:
        job = job_for(source, tmp_path / "out.mp4", level=level)
        report = clean(job)
        assert report.frames == 3
        assert verify(job, report).verified


def test_identifiers_alone_are_covered_when_the_profile_says_so(tmp_path: Path) -> None:
    harmless, place = "ZOOM", (20, 200)
    pictures = [written(written(scene(index)), harmless, place) for index in range(8)]
    source = write_clip(tmp_path / "in.mp4", pictures)
    job = job_for(source, tmp_path / "out.mp4", mask=MaskPolicy.IDENTIFIERS)
    report = clean(job)
    cleaned = shown(job.destination)
    assert all_covered(cleaned)
    for before, after in zip(pictures, cleaned, strict=True):
        assert differ(before, after, harmless, place) < 6
    assert report.regions == 1
    assert verify(job, report).verified
    assert verify(_strict(job), report).reason is Reason.RESIDUAL_TEXT


def _strict(job: Job) -> Job:
    return job_for(job.source, job.destination)


def test_a_named_device_covers_its_panel_too(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", {3: NAME})
    job = job_for(source, tmp_path / "out.mp4", device="olympus_cv_1500")
    report = clean(job)
    cleaned = shown(job.destination)
    assert all(float(picture[:, :90].mean()) < 24 for picture in cleaned)
    for before, after in zip(shown(source), cleaned, strict=True):
        assert abs(before[100:, 100:310].astype(int) - after[100:, 100:310]).mean() < 2
    assert is_covered(cleaned[3])
    assert 0.29 < report.coverage < 0.5
    assert verify(job, report).verified


def test_a_device_without_a_mask_is_refused(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", {})
    with pytest.raises(Failed) as failure:
        clean(job_for(source, tmp_path / "out.mp4", device="unheard_of"))
    assert failure.value.reason is Reason.UNKNOWN_DEVICE


def test_the_lower_level_keeps_only_the_image_region(tmp_path: Path) -> None:
    pictures = [written(scene(index), "DR. MAYER", (2, 60), 0.5) for index in range(6)]
    source = write_clip(tmp_path / "in.mp4", pictures)
    job = job_for(source, tmp_path / "out.mp4", level=Level.ROI_MASK)
    report = clean(job)
    assert (report.level, report.frames_inspected, report.regions) == (Level.ROI_MASK, 0, 0)
    assert report.coverage == pytest.approx(1 - 1350 / 1920, abs=0.01)
    cleaned = shown(job.destination)
    assert all(float(picture[:, :90].mean()) < 24 for picture in cleaned)
    assert verify(job, report).verified


def test_the_lower_level_with_a_name_in_the_image_is_not_verified(tmp_path: Path) -> None:
    pictures = [written(scene(index), NAME, (60, 60)) for index in range(6)]
    source = write_clip(tmp_path / "in.mp4", pictures)
    job = job_for(source, tmp_path / "out.mp4", level=Level.ROI_MASK)
    assert verify(job, clean(job)).reason is Reason.RESIDUAL_TEXT


@pytest.mark.parametrize("audio", list(AudioPolicy))
def test_sound_stays_only_where_the_profile_keeps_it(audio: AudioPolicy, tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    _write_with_sound(source, [written(scene(index)) for index in range(10)])
    job = job_for(source, tmp_path / "out.mp4", audio=audio)
    report = clean(job)
    with av.open(str(job.destination)) as container:
        kinds = [stream.type for stream in container.streams]
    assert kinds == (["video", "audio"] if audio is AudioPolicy.KEEP else ["video"])
    assert verify(job, report).verified


@pytest.mark.parametrize("audio", list(AudioPolicy))
@pytest.mark.parametrize("text", [True, False])
def test_pictures_that_begin_after_the_sound_are_proven_too(
    audio: AudioPolicy, tmp_path: Path, *, text: bool
) -> None:
    """Without the sound a file begins with its first picture: no frame is missing for that."""
    source = tmp_path / "in.mp4"
    pictures = [scene(index) for index in range(10)]
    _write_with_sound(source, [written(one) if text else one for one in pictures], late=2)
    job = job_for(source, tmp_path / "out.mp4", audio=audio)
    report = clean(job)
    assert verify(job, report).verified
    assert report.copied is (not text and audio is AudioPolicy.DROP)
    with av.open(str(job.destination)) as container:
        start_s = [stream.start_time * stream.time_base for stream in container.streams]
    assert audio is AudioPolicy.DROP or start_s[0] - start_s[1] == Fraction(2, 25)


def _write_with_sound(path: Path, pictures: list[np.ndarray], late: int = 0) -> None:
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Mustermann"
        picture = container.add_stream("libx264", rate=25)
        picture.height, picture.width = pictures[0].shape[:2]
        picture.pix_fmt = "yuv420p"
        sound = container.add_stream("mp2", rate=48_000, layout="stereo")
        sound.metadata["title"] = "Mustermann"
        for index, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            frame.pts = late + index
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        for index in range(16):
            part = av.AudioFrame.from_ndarray(np.zeros((1, 2304), np.int16), "s16", "stereo")
            part.sample_rate, part.pts, part.time_base = 48_000, index * 1152, Fraction(1, 48_000)
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))


@pytest.mark.parametrize(
    ("suffix", "output"),
    [(".png", Container.PNG), (".jpg", Container.JPEG), (".webp", Container.PNG)],
)
def test_a_still_keeps_its_size_and_loses_its_text(
    suffix: str, output: Container, tmp_path: Path
) -> None:
    source = tmp_path / f"in{suffix}"
    cv2.imwrite(str(source), written(scene(0, 333, 241)))
    job = job_for(source, tmp_path / "out.part")
    report = clean(job)
    (picture,) = shown(job.destination)
    assert (report.output, picture.shape) == (output, (241, 333, 3))
    assert (report.frames, report.frames_inspected, report.regions) == (1, 1, 1)
    assert is_covered(picture)
    assert verify(job, report).verified


def test_a_still_loses_where_it_was_taken(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "images" / "exif" / "DSCN0010.jpg"
    with Image.open(source) as before:
        assert before.getexif().get_ifd(0x8825)
        size = before.size
    job = job_for(source, tmp_path / "out.jpg")
    report = clean(job)
    with Image.open(job.destination) as after:
        assert not dict(after.getexif())
        assert after.size == size
        assert set(after.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert verify(job, report).verified


def test_a_dicom_picture_becomes_a_png_of_its_size(tmp_path: Path) -> None:
    pixels = written(scene(0, 320, 240))[:, :, ::-1]
    source = write_dicom(tmp_path / "in.dcm", np.ascontiguousarray(pixels))
    job = job_for(source, tmp_path / "out.part")
    report = clean(job)
    (picture,) = shown(job.destination)
    assert (report.output, picture.shape) == (Container.PNG, (240, 320, 3))
    assert is_covered(picture)
    assert b"Muster" not in job.destination.read_bytes()
    assert verify(job, report).verified


def test_a_dicom_cine_becomes_a_video_of_its_frames(tmp_path: Path) -> None:
    frames = np.stack([written(scene(index))[:, :, ::-1] for index in range(6)])
    source = write_dicom(tmp_path / "in.dcm", frames, CineRate=10)
    job = job_for(source, tmp_path / "out.part")
    report = clean(job)
    assert (report.output, report.frames, report.frames_inspected) == (Container.MP4, 6, 6)
    assert all_covered(shown(job.destination))
    reader, again = read_all(job.destination)
    assert [frame.time * reader.time_base for frame in again] == [Fraction(n, 10) for n in range(6)]
    assert verify(job, report).verified


def test_a_real_picture_of_a_tower_is_proven_clean(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "medical" / "lx_endoscopy_frame1.jpg"
    job = job_for(source, tmp_path / "out.jpg")
    report = clean(job)
    assert report.regions > 5
    assert verify(job, report).verified
    assert as_players_do(job.destination)[0].shape == as_players_do(source)[0].shape
