"""What a scrub strip costs by seeking, beside decoding every frame of the video.

python -m benchmarks.sprites FILE...
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from supervisor_core.media.moments import Shown
from supervisor_core.media.probe import probe
from supervisor_core.media.sprite_drawing import passed, sought, write_tiles
from supervisor_core.media.sprites import SpriteLayout, layout_of


def main(paths: list[str]) -> None:
    """Prints seconds of the processor for both ways, and their ratio."""
    for path in map(Path, paths):
        layout = layout_of(probe(path))
        by_seeking = _seconds(layout, sought(path, layout))
        by_decoding = _seconds(layout, passed(path, layout))
        print(
            f"{path.name}: {layout.count} tiles of {layout.each_s:.1f} s,"
            f" {by_seeking:.2f} s beside {by_decoding:.2f} s: {by_seeking / by_decoding:.2f}"
        )


def _seconds(layout: SpriteLayout, frames: Iterator[Shown]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        write_tiles(Path(folder, "strip.jpg"), layout, frames)
        return time.process_time() - began


if __name__ == "__main__":
    main(sys.argv[1:])
