"""What the probe says of real, odd, damaged and lying files."""

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_builders import arrow, patch, write_dicom, write_sound, write_video
from PIL import Image

from supervisor_core.media.container import open_container, picture_stream
from supervisor_core.media.kinds import Container, Kind
from supervisor_core.media.orientation import Orientation
from supervisor_core.media.picture import STILL_PIXELS_MAX
from supervisor_core.media.probe import probe
from supervisor_core.reasons import Failed, Reason

# x' = a x + c y, y' = b x + d y in 16.16 fixed point, as libavutil/display.h defines it.
MATRICES = {
    (a, b, c, d): (a, b, 0, c, d, 0, 0, 0, 1)
    for a, b, c, d in [
        (1, 0, 0, 1),
        (0, 1, -1, 0),
        (-1, 0, 0, -1),
        (0, -1, 1, 0),
        (-1, 0, 0, 1),
        (1, 0, 0, -1),
        (0, 1, 1, 0),
        (0, -1, -1, 0),
    ]
}


def fixed_point(matrix: tuple[int, ...]) -> bytes:
    return struct.pack(
        "=9i", *(value << (30 if place % 3 == 2 else 16) for place, value in enumerate(matrix))
    )


def reason_of(path: Path) -> Reason:
    with pytest.raises(Failed) as caught:
        probe(path)
    return caught.value.reason


@pytest.mark.parametrize(
    ("file", "container", "codec", "size", "seconds", "frames", "audio"),
    [
        ("general/bbb_720p.mp4", "mp4", "h264", (1280, 720), 5.31, 132, True),
        ("general/bikes.mp4", "mp4", "h264", (640, 272), 10.0, 250, False),
        ("general/rotate90.mov", "mov", "h264", (320, 568), 0.1, 3, False),
        ("general/nasa_multistream.mp4", "mp4", "h264", (480, 270), 13.06, 390, True),
        ("hls/captions_1080.ts", "ts", "h264", (1920, 1080), 19.99, None, False),
        ("corrupt/no_duration.webm", "webm", "vp9", (1280, 720), 4.94, None, True),
        ("corrupt/one_pixel.mp4", "mp4", "h264", (1, 1), 5.0, 5, False),
        ("sports_people/asl_walk.mkv", "mkv", "h264", (640, 480), 2.97, None, False),
        ("sports_people/vtest.avi", "avi", "msmpeg4v3", (768, 576), 79.5, 795, False),
        ("images/exif/landscape_6.jpg", "jpeg", "jpeg", (600, 450), None, 1, False),
        ("medical/presidio_cxr0.png", "png", "png", (2140, 1760), None, 1, False),
        ("medical/us_ge_lymphnode.dcm", "dicom", "raw", (640, 480), None, 1, False),
        ("medical/us_sonosite_cine30.dcm", "dicom", "jpeg", (320, 240), 1.0, 30, False),
    ],
)
def test_real_files(
    shared_data: Path,
    file: str,
    container: str,
    codec: str,
    size: tuple[int, int],
    seconds: float | None,
    frames: int | None,
    audio: bool,
) -> None:
    info = probe(shared_data / file)
    assert (info.container, info.codec, (info.width, info.height)) == (container, codec, size)
    assert info.seconds == (seconds if seconds is None else pytest.approx(seconds, abs=0.01))
    assert (info.frames, info.has_audio) == (frames, audio)
    assert info.size_bytes == (shared_data / file).stat().st_size


@pytest.mark.parametrize(
    ("codec", "suffix", "pixel_format", "name", "bits"),
    [
        ("libx264", "mp4", "yuv420p10le", "h264", 10),
        ("libx265", "mp4", "yuv420p10le", "hevc", 10),
        ("libvpx", "webm", "yuv420p", "vp8", 8),
        ("libvpx-vp9", "webm", "yuv420p", "vp9", 8),
        ("libsvtav1", "mp4", "yuv420p", "av1", 8),
        ("prores_ks", "mov", "yuv422p10le", "prores", 10),
        ("mjpeg", "avi", "yuvj420p", "mjpeg", 8),
        ("mpeg2video", "mpg", "yuv420p", "mpeg2video", 8),
    ],
)
def test_codecs_have_one_name_and_a_bit_depth(
    tmp_path: Path, codec: str, suffix: str, pixel_format: str, name: str, bits: int
) -> None:
    frames = [arrow(128, 96)] * 3
    video = write_video(tmp_path / f"a.{suffix}", frames, codec=codec, pixel_format=pixel_format)
    info = probe(video)
    assert (info.codec, info.pixel_format, info.bit_depth) == (name, pixel_format, bits)
    assert (info.width, info.height, info.kind) == (128, 96, Kind.VIDEO)


@pytest.mark.parametrize("linear", MATRICES)
def test_all_eight_orientations_come_out_upright(
    tmp_path: Path, linear: tuple[int, int, int, int]
) -> None:
    """A picture stored turned and flagged so is found upright by size and by content."""
    a, b, c, d = linear
    orientation = Orientation.of_matrix(fixed_point(MATRICES[linear]))
    upright = arrow(64, 48)
    # The stored picture, built from the matrix itself: where each stored pixel is shown.
    stored = np.zeros((48, 64, 3) if b == 0 else (64, 48, 3), np.uint8)
    height, width = stored.shape[:2]
    for y in range(height):
        for x in range(width):
            # A pixel turned to the negative side of the origin is moved back into the picture.
            shown_x, shown_y = a * x + c * y - (a + c < 0), b * x + d * y - (b + d < 0)
            stored[y, x] = upright[shown_y % 48, shown_x % 64]
    assert np.array_equal(orientation.apply(stored), upright)
    video = write_video(tmp_path / "a.mp4", [stored] * 3)
    flagged = write_flagged(tmp_path / "flagged.mp4", video, MATRICES[linear])
    info = probe(flagged)
    assert (info.width, info.height) == (64, 48)
    assert (info.rotation, info.mirrored) == (orientation.degrees, orientation.mirrored)
    with open_container(flagged) as container:
        frame = next(container.decode(picture_stream(container)))
    shown = Orientation.of_frame(frame).apply(frame.to_ndarray(format="bgr24"))
    assert np.abs(shown.astype(int) - upright).mean() < 8


def write_flagged(path: Path, video: Path, matrix: tuple[int, ...]) -> Path:
    """Puts a display matrix into the track header of an MP4 file."""
    content = bytearray(video.read_bytes())
    place = content.index(b"tkhd") + 4 + 40
    content[place : place + 36] = struct.pack(
        ">9i", *(value << (30 if number % 3 == 2 else 16) for number, value in enumerate(matrix))
    )
    path.write_bytes(content)
    return path


def test_a_matrix_without_extent_means_upright() -> None:
    assert Orientation.of_matrix(bytes(36)) == Orientation()


def test_sample_aspect_and_range(shared_data: Path) -> None:
    assert probe(shared_data / "hls" / "mux_segment.ts").sample_aspect == Fraction(237, 235)
    assert probe(shared_data / "sports_people" / "asl_walk.mkv").full_range is True
    assert probe(shared_data / "general" / "smpte_timecode.mp4").full_range is False


def test_a_header_that_understates_the_length_is_found_out(tmp_path: Path) -> None:
    """The limit on length must hold for files whose header claims a second."""
    matroska = write_video(tmp_path / "a.mkv", [arrow()] * 250)
    patch(matroska, b"\x44\x89\x88" + struct.pack(">d", 10_000), b"\x44\x89\x88" + bytes(8))
    assert probe(matroska).seconds == pytest.approx(10, abs=0.1)
    mp4 = write_video(tmp_path / "a.mp4", [arrow()] * 250)
    content = bytearray(mp4.read_bytes())
    for atom, offset, units in ((b"mvhd", 20, 1000), (b"tkhd", 24, 1000), (b"mdhd", 20, 12_800)):
        place = content.index(atom) + offset
        assert int.from_bytes(content[place : place + 4], "big") == 10 * units
        content[place : place + 4] = units.to_bytes(4, "big")
    mp4.write_bytes(content)
    assert probe(mp4).seconds == pytest.approx(10, abs=0.1)


def test_a_stream_without_an_index_is_measured(tmp_path: Path) -> None:
    for suffix, codec in (("ts", "libx264"), ("flv", "flv"), ("mpg", "mpeg2video")):
        video = write_video(tmp_path / f"a.{suffix}", [arrow()] * 100, codec=codec)
        assert probe(video).seconds == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_cut_file_whose_index_is_at_its_end_has_no_header(tmp_path: Path, share: float) -> None:
    video = write_video(tmp_path / "a.mp4", [arrow()] * 30)
    content = video.read_bytes()
    assert content.index(b"moov") > content.index(b"mdat")
    video.write_bytes(content[: int(content.index(b"moov") * share)])
    assert reason_of(video) is Reason.METADATA_EXTRACTION_FAILED


def test_a_recording_that_starts_between_key_frames_is_read(
    shared_data: Path, tmp_path: Path
) -> None:
    whole = (shared_data / "hls" / "captions_1080.ts").read_bytes()
    middle = tmp_path / "a.ts"
    middle.write_bytes(whole[188 * 300 :])
    info = probe(middle)
    assert (info.width, info.height) == (1920, 1080)
    assert info.seconds is not None
    assert 1 < info.seconds < 20


def test_no_frame_no_stream_no_picture(shared_data: Path, tmp_path: Path) -> None:
    assert reason_of(shared_data / "corrupt" / "invalid_userdata.mp4") is (
        Reason.FRAME_EXTRACTION_FAILED
    )
    assert reason_of(write_sound(tmp_path / "a.mp4")) is Reason.NO_VIDEO_STREAM


def test_a_header_may_not_claim_any_size(tmp_path: Path) -> None:
    png = tmp_path / "a.png"
    Image.fromarray(arrow()).save(png)
    content = bytearray(png.read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = png_checksum(bytes(content[12:29]))
    png.write_bytes(content)
    assert reason_of(png) is Reason.PICTURE_TOO_LARGE
    jpeg = tmp_path / "a.jpg"
    Image.fromarray(arrow()).save(jpeg)
    small, huge = b"\x00\x30\x00\x40", b"\xff\xdc\xff\xdc"
    patch(jpeg, b"\xff\xc0\x00\x11\x08" + small, b"\xff\xc0\x00\x11\x08" + huge)
    assert reason_of(jpeg) is Reason.PICTURE_TOO_LARGE
    dicom = write_dicom(tmp_path / "a.dcm", arrow(), Rows=65535, Columns=65535)
    assert reason_of(dicom) is Reason.PICTURE_TOO_LARGE
    video = write_video(tmp_path / "a.mov", [arrow()] * 3, codec="rawvideo", pixel_format="rgb24")
    patch(video, b"\x00\x40\x00\x30\x00\x48", b"\x30\x00\x19\x50\x00\x48")
    assert reason_of(video) is Reason.PICTURE_TOO_LARGE


def png_checksum(chunk: bytes) -> bytes:
    return zlib.crc32(chunk).to_bytes(4, "big")


def test_a_large_photo_is_still_a_photo(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.new("1", (10_000, 9_000)).save(photo)
    assert probe(photo).width * 9_000 < STILL_PIXELS_MAX


def test_the_name_from_outside_counts(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", [arrow()] * 3)
    taken = video.rename(tmp_path / "0f3a")
    assert probe(taken).container is Container.MP4
    with pytest.raises(Failed) as caught:
        probe(taken, "photo.png")
    assert caught.value.reason is Reason.DISGUISED_FILE
