"""The door to the demuxers: no file leads to another one, no name is more than a name."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import pytest
from media_builders import arrow, patch, write_sound, write_video
from PIL import Image

from supervisor_core.media.container import open_container, packets, picture_stream
from supervisor_core.media.frames import VideoFrames
from supervisor_core.media.kinds import Container, Kind, identify
from supervisor_core.reasons import Failed, Reason

VIDEO_CONTAINERS = [container for container in Container if container.kind is Kind.VIDEO]

# Names that FFmpeg would take for options, addresses, patterns or lists.
NAMES = [
    "-y.mp4",
    "http:x.mp4",
    "%03d.mp4",
    "concat:decoy.mp4|decoy.mp4",
    "pipe:0",
    "subfile,,start,0,end,9,,:decoy.mp4",
    'it\'s "quoted" `here` $(there).mp4',
    "two\nlines.mp4",
    " spaces .mp4",
    "a" * 251 + ".mp4",
    os.fsdecode(b"\xff\xfe not unicode.mp4"),
    "Müller, Erika *1.4.1950.mp4",
]

TRAPS = {
    "ffconcat": b"ffconcat version 1.0\nfile decoy.mp4\n",
    "concat": b"file 'decoy.mp4'\n",
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\ndecoy.mp4\n#EXT-X-ENDLIST\n",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 50004 RTP/AVP 33\n",
    "pattern": b"decoy%d.mp4\n",
}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mp4", [arrow()] * 5)


def count_frames(path: Path) -> int:
    with open_container(path) as container:
        return sum(1 for _ in container.decode(picture_stream(container)))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_only_a_name(tmp_path: Path, clip: Path, name: str) -> None:
    assert count_frames(clip.rename(tmp_path / name)) == 5


def test_a_relative_hostile_name_opens_that_very_file(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip.rename(tmp_path / "-y.mp4")
    assert count_frames(Path("-y.mp4")) == 5


def test_the_trap_is_real(tmp_path: Path, clip: Path) -> None:
    """Without our door FFmpeg follows the 43 bytes to the other patient's file."""
    trap = tmp_path / "upload.mp4"
    clip.rename(tmp_path / "decoy.mp4")
    trap.write_bytes(TRAPS["ffconcat"])
    with av.open("file:" + str(trap)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5


@pytest.mark.parametrize("trap", TRAPS)
def test_a_list_posing_as_video_leads_nowhere(tmp_path: Path, clip: Path, trap: str) -> None:
    clip.rename(tmp_path / "decoy.mp4")
    upload = tmp_path / "upload.mp4"
    upload.write_bytes(TRAPS[trap])
    with pytest.raises(Failed) as caught:
        open_container(upload)
    assert caught.value.reason is Reason.UNSUPPORTED_CONTAINER
    # Even where the look at the first bytes were deceived, no demuxer would follow the list.
    for container in VIDEO_CONTAINERS:
        with pytest.raises(Failed):
            count_in(upload, container)


def count_in(path: Path, container: Container) -> int:
    with open_container(path, container) as opened:
        return sum(1 for _ in opened.decode(picture_stream(opened)))


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows which files are opened")
@pytest.mark.parametrize("trap", TRAPS)
def test_no_other_file_and_no_host_is_touched(tmp_path: Path, clip: Path, trap: str) -> None:
    clip.rename(tmp_path / "decoy.mp4")
    upload = tmp_path / "upload.mp4"
    upload.write_bytes(TRAPS[trap])
    program = f"""
import av
from pathlib import Path
from supervisor_core.media.container import open_container
from supervisor_core.media.kinds import Container
from supervisor_core.reasons import Failed
for container in ("mp4", "mkv", "avi", "ts", "mpg", "flv", "ogv", "wmv", "mxf"):
    try:
        open_container(Path({str(upload)!r}), Container(container))
    except Failed:
        pass
"""
    calls = "openat,open,connect,stat,statx,newfstatat"
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-o", str(trace), "-e", f"trace={calls}", sys.executable]
    subprocess.run([*command, "-c", program], check=True, cwd=tmp_path, timeout=120)
    seen = trace.read_text("utf-8", "replace")
    assert "upload.mp4" in seen
    assert "decoy" not in seen
    assert "connect(" not in seen


def complaint(path: Path) -> str:
    try:
        count_frames(path)
    except (Failed, av.FFmpegError) as error:
        return f"{error} {error!r}"
    return ""


@pytest.mark.parametrize("format_", ["mp4", "mkv", "ts", "avi"])
def test_no_name_and_no_content_reaches_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], format_: str
) -> None:
    codec = "mpeg4" if format_ == "avi" else "libx264"
    video = write_video(tmp_path / f"Mustermann.{format_}", [arrow()] * 9, codec=codec)
    content = bytearray(video.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    video.write_bytes(content)
    capfd.readouterr()
    assert "Mustermann" not in complaint(video)
    assert capfd.readouterr() == ("", "")


def test_links_pipes_and_folders_are_not_opened(tmp_path: Path, clip: Path) -> None:
    link, pipe = tmp_path / "link.mp4", tmp_path / "pipe.mp4"
    link.symlink_to(clip)
    os.mkfifo(pipe)
    for path in (link, pipe, tmp_path):
        with pytest.raises(Failed) as caught:
            open_container(path, Container.MP4)
        assert caught.value.reason is Reason.NOT_A_FILE


def open_descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def test_no_descriptor_is_left_open(clip: Path) -> None:
    with open_container(clip) as container:
        picture_stream(container)
    before = open_descriptors()
    for _ in range(5):
        count_frames(clip)
        with pytest.raises(Failed):
            open_container(clip, Container.MATROSKA)
    assert open_descriptors() == before


def test_texts_in_a_wrong_encoding_do_no_harm(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mkv", [arrow()] * 3, metadata={"title": "Mueller"})
    patch(video, b"Mueller", b"M\xfc\xff\xfeler")
    assert count_frames(video) == 3


def test_the_default_and_largest_stream_counts(shared_data: Path) -> None:
    with open_container(shared_data / "general" / "nasa_multistream.mp4") as container:
        stream = picture_stream(container)
        assert (stream.index, stream.width, stream.height) == (3, 480, 270)


def test_sound_alone_has_no_picture(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "a.mp4")
    with open_container(sound) as container, pytest.raises(Failed) as caught:
        picture_stream(container)
    assert caught.value.reason is Reason.NO_VIDEO_STREAM


def test_a_cover_is_not_the_picture(tmp_path: Path) -> None:
    cover = io.BytesIO()
    Image.fromarray(arrow(16, 16)).save(cover, format="JPEG")
    sound = write_sound(tmp_path / "a.mp4", cover.getvalue())
    with open_container(sound) as container:
        assert len(container.streams.video) == 1
        with pytest.raises(Failed) as caught:
            picture_stream(container)
    assert caught.value.reason is Reason.NO_VIDEO_STREAM


def test_a_stream_that_begins_in_the_middle_does_not_end_the_reading(tmp_path: Path) -> None:
    """It lies behind what FFmpeg looks at first (5 s) and before what it reads of the end."""
    filling = (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 10_000
    silent = write_video(tmp_path / "a.ts", [arrow()] * 200).read_bytes()
    loud = write_video(tmp_path / "b.ts", [arrow()] * 10, audio=True).read_bytes()
    joined = tmp_path / "joined.ts"
    joined.write_bytes(silent + filling + loud + filling + silent)
    with open_container(joined) as container:
        stream = picture_stream(container)
        assert len(container.streams) == 1
        frames = [frame for packet in packets(container, stream) for frame in packet.decode()]
    assert len(frames) == 410
    assert sum(1 for _ in VideoFrames(joined)) == 410


def test_frames_above_the_limit_are_refused_by_the_decoder(tmp_path: Path) -> None:
    """The container says 64x48, the frame inside claims 65500x65500."""
    options = {"codec": "mjpeg", "pixel_format": "yuvj420p"}
    video = write_video(tmp_path / "a.avi", [arrow()] * 3, **options)
    start_of_frame = b"\xff\xc0\x00\x11\x08"
    small, huge = (48).to_bytes(2, "big") + (64).to_bytes(2, "big"), b"\xff\xdc\xff\xdc"
    patch(video, start_of_frame + small, start_of_frame + huge, count=-1)
    assert identify(video) is Container.AVI
    with open_container(video) as container, pytest.raises(av.FFmpegError):
        list(container.decode(picture_stream(container)))
