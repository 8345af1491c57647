"""What `demo` puts into the inbox: an invented examination, and files that mean no good."""

from collections.abc import Callable
from pathlib import Path

CLIP = "examination.mp4"
REFUSED = ("cut.mp4", "empty.mp4", "list.mp4", "outside.mp4", "text.mp4")
"""What must not come in; all else must come out verified."""


def draw(originals: Path, inbox: Path) -> dict[str, str]:
    """Draws everything and returns what each file is called, by its path in the inbox."""
    from supervisor_core.demo_clip import draw_demo_clip, draw_demo_stills

    clip = originals / CLIP
    draw_demo_clip(clip)
    (inbox / "stills").mkdir()
    draw_demo_stills(inbox / "stills")
    content = clip.read_bytes()
    makers: dict[str, Callable[[Path], object]] = {
        CLIP: lambda path: path.write_bytes(content),
        "-y.mp4": lambda path: path.write_bytes(content),
        "cut.mp4": lambda path: path.write_bytes(content[: len(content) // 2]),
        "empty.mp4": lambda path: path.touch(),
        "list.mp4": lambda path: path.write_text(f"ffconcat version 1.0\nfile {CLIP}\n"),
        "outside.mp4": lambda path: path.symlink_to(clip),
        "text.mp4": lambda path: path.write_text("This is no video.\n" * 100),
    }
    for name, make in makers.items():
        make(inbox / name)
    return {path.relative_to(inbox).as_posix(): path.name for path in _files(inbox)}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())


def side_by_side(before: Path, after: Path, index: int, picture: Path) -> None:
    """Writes one frame of both clips beside each other as a PNG of 1300 pixels; runs in a child."""
    import cv2
    import numpy as np

    from supervisor_core.media.frames import VideoFrames
    from supervisor_core.media.kinds import Container
    from supervisor_core.media.stills import write_still

    pictures = []
    for path in (before, after):
        frame = next(frame for frame in VideoFrames(path) if frame.index == index)
        pictures.append(cv2.resize(frame.bgr(), (640, 360), interpolation=cv2.INTER_AREA))
    gap = np.full((360, 20, 3), 255, np.uint8)
    write_still(picture, np.hstack([pictures[0], gap, pictures[1]]), Container.PNG)
