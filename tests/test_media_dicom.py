"""DICOM: pictures as a viewer shows them, tags for the restricted store, nothing else."""

import logging
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from media_builders import arrow, write_dicom, write_video
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian

from supervisor_core.media.dicom import FALLBACK_RATE, read_dicom
from supervisor_core.media.kinds import Container, identify
from supervisor_core.media.probe import probe
from supervisor_core.reasons import Failed, Reason

SHIPPED = Path(pydicom.__file__).parent / "data"
H264, MPEG2 = "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.100"
RAMP = np.arange(0, 4096, dtype=np.uint16).reshape(64, 64)


def only_frame(path: Path) -> np.ndarray:
    (frame,) = read_dicom(path).frames()
    return frame


def reason_of(path: Path) -> Reason:
    with pytest.raises(Failed) as caught:
        probe(path)
    return caught.value.reason


def grey(path: Path) -> np.ndarray:
    frame = only_frame(path)
    assert (frame == frame[:, :, :1]).all()
    return frame[:, :, 0]


def test_the_ultrasound_cine_has_its_thirty_frames_and_its_rate(shared_data: Path) -> None:
    file = read_dicom(shared_data / "medical" / "us_sonosite_cine30.dcm")
    frames = list(file.frames())
    assert len(frames) == file.frame_count == 30
    assert file.frames_per_second == pytest.approx(30, abs=0.01)
    assert {frame.shape for frame in frames} == {(240, 320, 3)}
    assert len({frame.tobytes() for frame in frames}) > 20
    # A grey ultrasound picture: wrong colour conversion would tint it.
    assert np.median(np.ptp(frames[0].astype(int), axis=2)) <= 4


def test_the_ultrasound_still_reads_as_stored(shared_data: Path) -> None:
    path = shared_data / "medical" / "us_ge_lymphnode.dcm"
    file = read_dicom(path)
    assert file.frames_per_second is None
    assert np.array_equal(only_frame(path)[:, :, ::-1], pydicom.dcmread(path).pixel_array)


@pytest.mark.parametrize(
    ("tags", "rate"),
    [
        ({"CineRate": 12, "FrameTime": 100}, 12),
        ({"FrameTime": "40.0", "RecommendedDisplayFrameRate": 5}, 25),
        ({"RecommendedDisplayFrameRate": 15}, 15),
        ({"CineRate": 0, "FrameTime": 0, "RecommendedDisplayFrameRate": 15}, 15),
        ({"CineRate": -3}, FALLBACK_RATE),
        ({"FrameTime": "0.00001"}, FALLBACK_RATE),
        ({}, FALLBACK_RATE),
    ],
)
def test_where_the_frame_rate_comes_from(
    tmp_path: Path, tags: dict[str, object], rate: float
) -> None:
    path = write_dicom(tmp_path / "a.dcm", np.stack([arrow()] * 3), **tags)
    assert read_dicom(path).frames_per_second == rate
    assert probe(path).seconds == pytest.approx(3 / rate)


def test_a_window_decides_what_is_black_and_white(tmp_path: Path) -> None:
    shown = grey(
        write_dicom(tmp_path / "a.dcm", RAMP, WindowCenter="1000", WindowWidth="1001")
    ).ravel()
    assert (shown[:500] == 0).all()
    assert (shown[1500:] == 255).all()
    assert shown[1000] == pytest.approx(127.5, abs=1)


def test_without_a_window_the_whole_range_of_the_recording_is_shown(tmp_path: Path) -> None:
    frames = np.stack([RAMP // 4, RAMP])
    dark, full = read_dicom(write_dicom(tmp_path / "a.dcm", frames)).frames()
    assert (full.min(), full.max()) == (0, 255)
    assert dark.max() == pytest.approx(64, abs=1)


def test_rescaling_and_signs(tmp_path: Path) -> None:
    stored = (RAMP.astype(np.int32) - 2048).astype(np.int16)
    tags = {"RescaleSlope": "2", "RescaleIntercept": "-1024"}
    window = {"WindowCenter": "-1024", "WindowWidth": "2"}
    shown = grey(write_dicom(tmp_path / "a.dcm", stored, **tags, **window)).ravel()
    # Stored 0 is -1024 after rescaling: the window's middle.
    assert (shown[: 2048 - 1] == 0).all()
    assert (shown[2048 + 1 :] == 255).all()


def test_inverted_greys(tmp_path: Path) -> None:
    eight_bits = (RAMP >> 4).astype(np.uint8)
    path = write_dicom(tmp_path / "a.dcm", eight_bits, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(grey(path), 255 - eight_bits)


def test_plain_bytes_stay_what_they_are(tmp_path: Path) -> None:
    dim = (RAMP >> 6).astype(np.uint8)
    assert np.array_equal(grey(write_dicom(tmp_path / "a.dcm", dim)), dim)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_is_applied(tmp_path: Path, bits: int) -> None:
    entries = np.arange(256, dtype=f"u{bits // 8}") << (bits - 8)
    lookup = {
        "descriptor": [256, 0, bits],
        "up": entries.tobytes(),
        "down": entries[::-1].tobytes(),
    }
    tags: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, direction in (("Red", "up"), ("Green", "down"), ("Blue", "down")):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = lookup["descriptor"]
        tags[f"{colour}PaletteColorLookupTableData"] = lookup[direction]
    indices = (RAMP >> 4).astype(np.uint8)
    frame = only_frame(write_dicom(tmp_path / "a.dcm", indices, **tags))
    assert np.array_equal(frame[:, :, 2], indices)
    assert np.array_equal(frame[:, :, 0], 255 - indices)


def test_sixteen_bit_colour(tmp_path: Path) -> None:
    deep = arrow().astype(np.uint16) * 257
    frame = only_frame(write_dicom(tmp_path / "a.dcm", deep))
    assert np.array_equal(frame[:, :, ::-1], arrow())


def test_a_table_instead_of_a_window(tmp_path: Path) -> None:
    item = Dataset()
    item.LUTDescriptor = [4096, 0, 12]
    item.LUTData = [4095 - value for value in range(4096)]
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    path = write_dicom(tmp_path / "a.dcm", RAMP, VOILUTSequence=Sequence([item]), BitsStored=12)
    shown = grey(path).ravel()
    assert (shown[0], shown[-1]) == (255, 0)


def test_overlays_are_not_drawn(tmp_path: Path) -> None:
    """A plane of group 60xx may hold the patient's name as a drawing."""
    plain = write_dicom(tmp_path / "a.dcm", arrow())
    with_overlay = pydicom.dcmread(plain)
    with_overlay.add_new(0x60000010, "US", 48)
    with_overlay.add_new(0x60000011, "US", 64)
    with_overlay.add_new(0x60000040, "CS", "G")
    with_overlay.add_new(0x60000050, "SS", [1, 1])
    with_overlay.add_new(0x60000100, "US", 1)
    with_overlay.add_new(0x60000102, "US", 0)
    with_overlay.add_new(0x60003000, "OW", b"\xff" * (48 * 64 // 8))
    with_overlay.save_as(tmp_path / "b.dcm")
    assert np.array_equal(only_frame(plain), only_frame(tmp_path / "b.dcm"))


def test_every_text_is_collected_for_the_restricted_store(tmp_path: Path) -> None:
    step = Dataset()
    step.ScheduledPerformingPhysicianName = "Arzt^Anna"
    private = write_dicom(
        tmp_path / "a.dcm",
        arrow(),
        PatientBirthDate="19500401",
        ImageComments="x" * 5_000,
        SpecificCharacterSet="ISO_IR 192",
        OtherPatientNames=["Müster^Ä", "Alt^Name"],
        ScheduledProcedureStepSequence=Sequence([step]),
    )
    data = pydicom.dcmread(private)
    data.private_block(0x0009, "Acme", create=True).add_new(1, "LO", "Station Nord")
    data.save_as(private)
    tags = read_dicom(private).tags
    assert tags["PatientName"] == "Muster^Erika"
    assert tags["PatientBirthDate"] == "19500401"
    assert "Müster^Ä" in tags["OtherPatientNames"]
    assert tags["ScheduledProcedureStepSequence[0].ScheduledPerformingPhysicianName"] == "Arzt^Anna"
    assert tags["0009,1001"] == "Station Nord"
    assert len(tags["ImageComments"]) == 512
    assert "PixelData" not in tags


def test_the_number_of_tags_is_bounded(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", arrow())
    data = pydicom.dcmread(path)
    for group in range(0x0009, 0x0009 + 40, 2):
        block = data.private_block(group, "Acme", create=True)
        for element in range(60):
            block.add_new(element, "LO", "text")
    data.save_as(path)
    assert len(read_dicom(path).tags) == 500


def test_nothing_of_the_header_reaches_a_log_or_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_dicom(tmp_path / "a.dcm", arrow(), PatientID="K-4711")
    content = path.read_bytes()
    path.write_bytes(
        content.replace(
            b"UI\x1c\x00" + b"1.2.840.10008.5.1.4.1.1.6.1\x00",
            b"UI\x1c\x00" + b"Muster Erika 1.4.1950 K-4711",
        )
    )
    cut = tmp_path / "b.dcm"
    cut.write_bytes(path.read_bytes()[:-200])
    with warnings.catch_warnings(record=True) as seen, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        assert "Muster^Erika" in read_dicom(path).tags.values()
        assert read_dicom(path).tags["SOPClassUID"].startswith("Muster")
        list(read_dicom(path).frames())
        assert reason_of(cut) is Reason.FRAME_EXTRACTION_FAILED
    assert seen == []
    assert "Muster" not in caplog.text


def test_frames_come_one_at_a_time(tmp_path: Path) -> None:
    """40 frames of 3 MB each must not need 120 MB."""
    path = write_dicom(tmp_path / "a.dcm", np.zeros((40, 1000, 1000, 3), np.uint8))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_dicom(path).frames()) == 40
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


def test_a_recording_that_ends_early(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", np.stack([arrow()] * 5))
    whole = path.read_bytes()
    path.write_bytes(whole[: -2 * arrow().nbytes - 100])
    claims_more = write_dicom(tmp_path / "b.dcm", arrow(), NumberOfFrames=900_000)
    for damaged in (path, claims_more):
        with pytest.raises(Failed) as caught:
            list(read_dicom(damaged).frames())
        assert caught.value.reason is Reason.DECODE_FAILED


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"Rows": 0}, Reason.METADATA_EXTRACTION_FAILED),
        ({"NumberOfFrames": 0}, Reason.METADATA_EXTRACTION_FAILED),
        ({"NumberOfFrames": 2_000_000_000}, Reason.METADATA_EXTRACTION_FAILED),
        ({"Rows": 480}, Reason.FRAME_EXTRACTION_FAILED),
        ({"Rows": 60_000, "Columns": 60_000}, Reason.PICTURE_TOO_LARGE),
        ({"SamplesPerPixel": 7}, Reason.FRAME_EXTRACTION_FAILED),
        ({"BitsAllocated": 999}, Reason.FRAME_EXTRACTION_FAILED),
    ],
)
def test_a_header_that_lies(tmp_path: Path, tags: dict[str, object], reason: Reason) -> None:
    assert reason_of(write_dicom(tmp_path / "a.dcm", arrow(), **tags)) is reason


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.52"])
def test_a_form_that_nobody_decodes_is_refused(tmp_path: Path, syntax: str) -> None:
    pixels = np.zeros((8, 8), np.uint8)
    file = write_dicom(tmp_path / "a.dcm", pixels, syntax=syntax, encoded=[b"1234"])
    assert reason_of(file) is Reason.UNSUPPORTED_CODEC


def test_a_report_has_no_picture() -> None:
    assert reason_of(SHIPPED / "test_files" / "reportsi.dcm") is Reason.NO_VIDEO_STREAM


def test_what_inflates_without_limit_is_refused(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", arrow(), syntax=DeflatedExplicitVRLittleEndian)
    assert reason_of(path) is Reason.UNSUPPORTED_CODEC


def test_without_a_preamble(tmp_path: Path) -> None:
    whole = write_dicom(tmp_path / "a.dcm", arrow()).read_bytes()
    bare = tmp_path / "bare"
    bare.write_bytes(whole[whole.index(b"\x08\x00\x16\x00UI") :])
    assert identify(bare) is Container.DICOM
    assert np.array_equal(only_frame(bare)[:, :, ::-1], arrow())
    assert probe(bare).codec == "raw"


def test_lossless_jpeg_equals_the_same_picture_in_another_coding() -> None:
    files = SHIPPED / "test_files"
    assert np.array_equal(
        only_frame(files / "SC_rgb_jpeg_gdcm.dcm"), only_frame(files / "SC_rgb_rle.dcm")
    )


@pytest.mark.parametrize(
    ("suffix", "codec", "syntax"),
    [
        ("mp4", "libx264", H264),
        ("ts", "libx264", H264),
        ("h264", "libx264", H264),
        ("mpg", "mpeg2video", MPEG2),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_whole_examination_as_video_inside_dicom(
    tmp_path: Path, suffix: str, codec: str, syntax: str, pieces: int
) -> None:
    shades = [np.full((48, 64, 3), 10 * shade, np.uint8) for shade in range(12)]
    stream = write_video(tmp_path / f"a.{suffix}", shades, codec=codec).read_bytes()
    size = len(stream) // pieces // 2 * 2
    cuts = [stream[size * piece : size * (piece + 1)] for piece in range(pieces - 1)]
    path = write_dicom(
        tmp_path / "a.dcm",
        np.stack(shades),
        syntax=syntax,
        encoded=[*cuts, stream[size * (pieces - 1) :]],
        CineRate=25,
        PhotometricInterpretation="YBR_PARTIAL_420",
    )
    info = probe(path)
    assert (info.codec, info.frames, info.seconds) == (
        "h264" if syntax == H264 else "mpeg2video",
        12,
        12 / 25,
    )
    means = [frame.mean() for frame in read_dicom(path).frames()]
    assert means == pytest.approx([10 * shade for shade in range(12)], abs=4)


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.dcm")), ids=lambda path: path.name)
def test_every_odd_file_ends_in_pictures_or_one_reason(path: Path) -> None:
    try:
        info = probe(path)
        shapes = {frame.shape for frame in read_dicom(path).frames()}
    except Failed as failure:
        reason = failure.reason
    else:
        reason = None
        assert shapes == {(info.height, info.width, 3)}
    assert reason in {
        None,
        Reason.DISGUISED_FILE,
        Reason.DECODE_FAILED,
        Reason.FRAME_EXTRACTION_FAILED,
        Reason.METADATA_EXTRACTION_FAILED,
        Reason.NO_VIDEO_STREAM,
        Reason.UNSUPPORTED_CODEC,
    }
