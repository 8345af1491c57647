"""What a file is comes from its content; its name can only unmask it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_builders import arrow, write_dicom, write_video
from PIL import Image

from supervisor_core.media.kinds import Container, Kind, claimed_kind, identify, recognise
from supervisor_core.reasons import Failed, Reason

VIDEOS = {
    "a.mp4": ("libx264", Container.MP4),
    "a.mov": ("libx264", Container.MOV),
    "a.webm": ("libvpx-vp9", Container.WEBM),
    "a.mkv": ("libx264", Container.MATROSKA),
    "a.avi": ("mpeg4", Container.AVI),
    "a.ts": ("libx264", Container.MPEG_TS),
    "a.mpg": ("mpeg2video", Container.MPEG_PS),
    "a.flv": ("flv", Container.FLV),
    "a.wmv": ("wmv2", Container.ASF),
    "a.mxf": ("mpeg2video", Container.MXF),
}

NO_MEDIA = {
    "playlist": b"#EXTM3U\n#EXTINF:10,\nhttp://example.org/a.ts\n",
    "concat": b"ffconcat version 1.0\nfile decoy.mp4\n",
    "bare concat": b"file 'decoy.mp4'\nfile 'decoy.mp4'\n",
    "pls": b"[playlist]\nFile1=/etc/passwd\n",
    "dash": b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    "sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
    "html": b"<!DOCTYPE html><html><script>fetch('x')</script></html>",
    "prose": "Der Befund war unauffällig.\n".encode(),
    "prose that holds an atom's name": b"The free text of a report.\n",
    "wide characters": "Befund".encode("utf-16"),
    "one byte": b"\x07",
    "zeros": bytes(5000),
    "program": b"\x7fELF\x02\x01\x01" + bytes(100),
    "archive": b"PK\x03\x04" + bytes(100),
    "heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100),
    "gif": b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
}


def reason_of(path: Path, name: str | None = None) -> Reason:
    with pytest.raises(Failed) as caught:
        identify(path, name)
    return caught.value.reason


@pytest.mark.parametrize("name", VIDEOS)
def test_every_video_format_is_recognised_whatever_its_name(tmp_path: Path, name: str) -> None:
    codec, expected = VIDEOS[name]
    rate = 24 if name.endswith("mxf") else 25
    size = (720, 576) if name.endswith("mxf") else (64, 48)
    video = write_video(tmp_path / name, [arrow(*size)] * 3, codec=codec, rate=rate)
    assert identify(video) is expected
    assert identify(video, "clip.MP4") is expected
    assert identify(video, "clip") is expected
    assert identify(video).kind is Kind.VIDEO


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
def test_stills_are_taken_by_content_within_their_kind(tmp_path: Path, format_: str) -> None:
    still = tmp_path / "still.jpg"
    Image.fromarray(arrow()).save(still, format=format_)
    assert identify(still) is Container(format_)
    assert reason_of(still, "still.mp4") is Reason.DISGUISED_FILE
    assert reason_of(still, "still.dcm") is Reason.DISGUISED_FILE


def test_a_video_that_claims_to_be_a_still_is_refused(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", [arrow()] * 3)
    assert reason_of(video, "a.jpg") is Reason.DISGUISED_FILE


def test_dicom_with_and_without_its_preamble(tmp_path: Path) -> None:
    dicom = write_dicom(tmp_path / "1.2.840.113619", arrow())
    assert identify(dicom) is Container.DICOM
    bare = tmp_path / "bare.dcm"
    content = dicom.read_bytes()
    bare.write_bytes(content[content.index(b"\x08\x00\x16\x00UI") :])
    assert identify(bare) is Container.DICOM
    assert reason_of(dicom, "scan.png") is Reason.DISGUISED_FILE


@pytest.mark.parametrize("content", NO_MEDIA.values(), ids=NO_MEDIA)
def test_what_is_no_media_is_refused_under_every_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "upload"
    path.write_bytes(content)
    for name in ("upload.mp4", "UPLOAD.MKV", "upload.png", "upload.dcm"):
        assert reason_of(path, name) is Reason.DISGUISED_FILE
    assert reason_of(path, "notes.m3u8") is Reason.UNSUPPORTED_CONTAINER
    assert reason_of(path) is Reason.UNSUPPORTED_CONTAINER


def test_what_can_not_be_read_has_its_own_reason(tmp_path: Path) -> None:
    empty, pipe, link = tmp_path / "e.mp4", tmp_path / "p.mp4", tmp_path / "l.mp4"
    empty.touch()
    os.mkfifo(pipe)
    link.symlink_to(write_video(tmp_path / "a.mp4", [arrow()] * 3))
    assert reason_of(empty) is Reason.FILE_EMPTY
    assert reason_of(pipe) is Reason.NOT_A_FILE
    assert reason_of(link) is Reason.NOT_A_FILE
    assert reason_of(tmp_path) is Reason.NOT_A_FILE
    assert reason_of(tmp_path / "missing.mp4") is Reason.FILE_NOT_FOUND


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("-y.mp4", Kind.VIDEO),
        ("a.PNG", Kind.STILL),
        ("IM0001.dcm", Kind.DICOM),
        ("1.2.840.113619.2", None),
        ("%03d.png", Kind.STILL),
        (".mp4", None),
        ("", None),
        ("report.txt", None),
    ],
)
def test_what_a_name_claims(name: str, kind: Kind | None) -> None:
    assert claimed_kind(name) is kind


@given(st.binary(max_size=600), st.sampled_from(["a.mp4", "a.png", "a.dcm", "a"]))
def test_no_content_confuses_the_look_at_it(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("sniff") / "any"
    path.write_bytes(content)
    found = recognise(content) if content else None
    claimed = claimed_kind(name)
    if found is not None and claimed in (None, found.kind):
        assert identify(path, name) is found
    else:
        assert reason_of(path, name) in {
            Reason.FILE_EMPTY,
            Reason.DISGUISED_FILE,
            Reason.UNSUPPORTED_CONTAINER,
        }
