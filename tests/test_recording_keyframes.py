"""Key frames are decoded singly out of a file that grows, and look as they do in the stream."""

import io
from dataclasses import replace
from pathlib import Path

import av
import pytest
from hls_server import GROUP, HEIGHT, RATE, WIDTH, counting, numbered

from supervisor_core.recording.inspection import inspect, samples_at
from supervisor_core.recording.looks import Look, alike
from supervisor_core.recording.pieces import Limits
from supervisor_core.recording.segment_file import Ending, Folder
from supervisor_core.recording.segmenter import Segmenter
from supervisor_core.recording.watching import Sample


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def looks_of(samples: list[Sample]) -> list[Look]:
    return [sample.look for sample in samples]


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"x264-params": "keyint=10:min-keyint=10:open-gop=1:bframes=2:scenecut=0"}),
        ("libx264", {"x264-params": "keyint=10:interlaced=1"}),
        ("libx265", {"x265-params": "keyint=10:open-gop=1:log-level=none"}),
        ("mpeg2video", {"g": "10", "bf": "2"}),
    ],
)
def test_key_pictures_of_any_codec_are_looked_at(
    codec: str, options: dict[str, str], folder: Folder
) -> None:
    content = io.BytesIO()
    with av.open(content, "w", format="mpegts") as output:
        video = output.add_stream(codec, rate=RATE, options=options)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(4 * GROUP):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="bgr24")
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(content.getvalue())
    places = list(segmenter.keys)
    segmenter.end(Ending.ENDED)
    looked_at = samples_at(places)
    keys = [sample for sample in inspect(segmenter.closed[0].path).samples if sample.key]
    assert len(looked_at) == len(places) == len(keys) >= 4
    assert all(alike(*looks) for looks in zip(*map(looks_of, (looked_at, keys)), strict=True))


def test_a_place_without_a_picture_shows_nothing(folder: Folder) -> None:
    segmenter = Segmenter(folder, Limits())
    segmenter.feed(b"".join(counting(2 * GROUP)))
    first, last = segmenter.keys
    assert samples_at([replace(first, path=folder.path / "gone.ts")]) == []
    assert samples_at([replace(last, offset=10**9)]) == []
    assert samples_at([replace(first, head_bytes=0)]) == []
    segmenter.end(Ending.ENDED)
