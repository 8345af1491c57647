"""Damaged and random input of every kind ends in facts or in one reason, and leaves no trace."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor_core.media.container import open_container, picture_stream
from supervisor_core.media.damage import damaged
from supervisor_core.media.dicom import read_dicom
from supervisor_core.media.kinds import Kind
from supervisor_core.media.probe import probe
from supervisor_core.media.stills import read_still
from supervisor_core.reasons import Class, Failed, Reason

SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".ts", ".png", ".jpg", ".dcm"}

SIGNATURES = [
    b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2",
    b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  ",
    b"\x00\x00\x04\x00moov",
    bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d"),
    b"RIFF\xff\xff\x00\x00AVI LIST",
    b"RIFF\xff\xff\x00\x00WEBPVP8 ",
    b"\x00\x00\x01\xba\x44",
    b"FLV\x01\x05\x00\x00\x00\x09",
    b"OggS\x00\x02",
    bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    bytes.fromhex("060e2b34020501010d010201"),
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR",
    b"\xff\xd8\xff\xe0\x00\x10JFIF",
    b"\xff\xd8\xff\xe1\x00\x40Exif\x00\x00MM\x00*",
    bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00",
    b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100",
]


def outcome(path: Path, name: str | None = None) -> Reason | None:
    """Probes a file and reads all its pictures; None when that went well."""
    try:
        read_all(path, probe(path, name).kind)
    except Failed as failure:
        return failure.reason
    return None


def read_all(path: Path, kind: Kind) -> None:
    if kind is Kind.STILL:
        read_still(path)
    elif kind is Kind.DICOM:
        file = read_dicom(path)
        assert all(isinstance(text, str) for text in file.tags.values())
        assert all(frame.ndim == 3 for frame in file.frames())
    else:
        with open_container(path) as container, damaged(Reason.DECODE_FAILED):
            assert all(frame.width > 0 for frame in container.decode(picture_stream(container)))


def real_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("broken.png", Reason.METADATA_EXTRACTION_FAILED),
        ("corrupted_h264.mp4", Reason.DECODE_FAILED),
        ("empty_file.png", Reason.FILE_EMPTY),
        ("failing_audio.mp4", None),
        ("invalid_userdata.mp4", Reason.FRAME_EXTRACTION_FAILED),
        ("no_duration.webm", None),
        ("one_pixel.mp4", None),
        ("png_truncated.png", None),
    ],
)
def test_the_real_damaged_files(shared_data: Path, name: str, expected: Reason | None) -> None:
    assert outcome(shared_data / "corrupt" / name) is expected


def test_every_damaged_file_is_known_here(shared_data: Path) -> None:
    assert len(list((shared_data / "corrupt").iterdir())) == 8


@pytest.mark.parametrize("seed", range(3))
def test_damage_anywhere_ends_in_one_reason(
    shared_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], seed: int
) -> None:
    chance = random.Random(seed)
    small = [path for path in real_files(shared_data) if 0 < path.stat().st_size < 300_000]
    for path in small:
        content = bytearray(path.read_bytes())
        for _ in range(chance.choice((1, 20))):
            # Headers stand at the start and the end, so half of the damage goes there.
            place = chance.choice((chance.randrange(len(content)), chance.randrange(200)))
            content[place % len(content)] = chance.randrange(256)
        if chance.random() < 0.3:
            del content[chance.randrange(len(content)) :]
        hurt = tmp_path / path.name
        hurt.write_bytes(content)
        reason = outcome(hurt)
        assert reason is None or reason.class_ is Class.PERMANENT, path.name
    assert capfd.readouterr() == ("", "")


@given(st.sampled_from(SIGNATURES), st.binary(max_size=3000), st.sampled_from([0, 5000]))
def test_a_signature_with_garbage_behind_it(
    tmp_path_factory: pytest.TempPathFactory, signature: bytes, garbage: bytes, padding: int
) -> None:
    path = tmp_path_factory.mktemp("garbage") / "upload"
    path.write_bytes(signature + garbage + bytes(padding))
    reason = outcome(path)
    assert reason is None or reason.class_ is Class.PERMANENT


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
def test_a_file_cut_anywhere(shared_data: Path, tmp_path: Path, share: float) -> None:
    for path in real_files(shared_data):
        content = path.read_bytes()
        if 1000 < len(content) < 500_000:
            cut = tmp_path / path.name
            cut.write_bytes(content[: int(len(content) * share)])
            reason = outcome(cut)
            assert reason is None or reason.class_ is Class.PERMANENT, path.name


def test_a_parser_error_and_a_disk_error_are_told_apart() -> None:
    with pytest.raises(Failed) as caught, damaged(Reason.DECODE_FAILED, frame=7):
        raise OSError("broken data stream of Mustermann.png")
    assert caught.value.reason is Reason.DECODE_FAILED
    assert caught.value.facts == {"error": "OSError", "frame": 7}
    assert "Muster" not in str(caught.value)
    with pytest.raises(OSError, match="disk"), damaged(Reason.DECODE_FAILED):
        raise OSError(5, "disk")
    with pytest.raises(Failed) as caught, damaged(Reason.DECODE_FAILED):
        raise Failed(Reason.PICTURE_TOO_LARGE)
    assert caught.value.reason is Reason.PICTURE_TOO_LARGE
