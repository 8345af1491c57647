"""How many words that are hard to see are found, by what the network is shown of a picture.

Words are drawn into the leak set's pictures: faint ones (8 to 18 of 255 steps off a softened
ground), and ones in the colour of a sky behind branches, of which only a dark rim shows. Each
picture is looked at as it is, evened out, and evened out with its strokes as cleaning does it. A
word counts as found when four fifths of its place lie in regions that can be read.

python -m benchmarks.hidden_words
"""

from collections import Counter
from collections.abc import Iterator
from time import process_time

import cv2
import numpy as np

from benchmarks.results import write_results
from leakset import footage
from leakset.pictures import luma
from supervisor_core.cleaning.detector import Picture, cover
from supervisor_core.cleaning.engine import detector, reader
from supervisor_core.cleaning.looking import Evened, plain_look

SIZE = 640, 360
GROUNDS = ("laparoscopy", "meadow", "bird", "street", "kitchen", "yard", "tissue", "gradient")
WORDS = ("Meyer", "Anna Schmidt", "12.03.1961", "Case 48213", "Dr. Weber")
FAINT_EACH, OUTLINED = 24, 60
STEPS = (-18, -12, -8, 8, 12, 18)
FOUND_SHARE = 0.8
FONT = cv2.FONT_HERSHEY_SIMPLEX

Box = tuple[slice, slice]


def faint(ground: Picture, rng: np.random.Generator) -> tuple[Picture, Box]:
    """A word a few steps lighter or darker than its ground."""
    scale = float(rng.choice([0.5, 0.7, 1.0, 1.4]))
    word, foot, box = _place(rng, scale)
    ink = np.zeros(ground.shape[:2], np.uint8)
    cv2.putText(ink, word, foot, FONT, scale, (255,), max(1, round(2 * scale)), cv2.LINE_AA)
    soft = cv2.GaussianBlur(ground, (0, 0), 6).astype(np.float32)
    laid = soft + ink[..., None] / 255 * float(rng.choice(STEPS))
    return np.clip(laid, 0, 255).astype(np.uint8), box


def outlined(rng: np.random.Generator) -> tuple[Picture, Box]:
    """A word in the colour of the sky before which branches stand, with a rim of one pixel."""
    picture = np.full((SIZE[1], SIZE[0], 3), 252, np.uint8)
    for _ in range(int(rng.integers(200, 1000))):
        turns = np.cumsum(rng.normal(0, 0.6, 6)) + rng.uniform(0, 2 * np.pi)
        steps = np.stack([np.cos(turns), np.sin(turns)], axis=-1) * rng.uniform(4, 14, (6, 1))
        line = (rng.uniform((0, 0), SIZE) + np.cumsum(steps, axis=0)).astype(np.int32)
        grey = tuple(int(one) for one in rng.integers(20, 110, 3))
        cv2.polylines(picture, [line], False, grey, int(rng.integers(1, 4)), cv2.LINE_AA)
    picture = np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.uint8)
    scale = float(rng.choice([0.8, 1.0]))
    word, foot, box = _place(rng, scale)
    for grey, thickness in ((30, 3), (252, 1)):
        cv2.putText(picture, word, foot, FONT, scale, (grey,) * 3, thickness, cv2.LINE_AA)
    return picture, box


def _place(rng: np.random.Generator, scale: float) -> tuple[str, tuple[int, int], Box]:
    word = str(rng.choice(WORDS))
    (width, height), _ = cv2.getTextSize(word, FONT, scale, max(1, round(2 * scale)))
    left, foot = int(rng.integers(4, SIZE[0] - width - 4)), int(rng.integers(60, SIZE[1] - 20))
    return word, (left, foot), (slice(foot - height, foot), slice(left, left + width))


def drawn(rng: np.random.Generator) -> Iterator[tuple[str, Picture, Box]]:
    """Every picture with the kind of its word and where that stands."""
    for name in GROUNDS:
        for ground in footage.load(name, SIZE, FAINT_EACH, rng):
            yield "faint", *faint(ground, rng)
    for _ in range(OUTLINED):
        yield "outlined", *outlined(rng)


def looks(picture: Picture) -> dict[str, Picture]:
    """What is shown to the network."""
    evened = Evened.of(luma(picture))
    return {
        "as it is": picture,
        "evened out": np.asarray(cv2.merge([evened.luma] * 3), np.uint8),
        "with its strokes": evened.bgr(),
    }


def finds(picture: Picture, box: Box) -> bool:
    """Whether what can be read covers the word's place."""
    regions = plain_look(detector(), reader(), picture)
    mask = cover(regions, *picture.shape[:2])[box]
    if mask.mean() < FOUND_SHARE:
        return False
    read = [region for region in regions if reader().read(picture, region.quad).readable]
    return bool(cover(read, *picture.shape[:2])[box].mean() >= FOUND_SHARE)


def main() -> None:
    """Prints what was found by each look, and the processor's time of each."""
    found, times, count = Counter[tuple[str, str]](), Counter[str](), Counter[str]()
    for kind, picture, box in drawn(np.random.default_rng(1)):
        count[kind] += 1
        for look, shown in looks(picture).items():
            began = process_time()
            found[kind, look] += finds(shown, box)
            times[look] += process_time() - began
    rows = [
        {"kind": kind, "words": words, "look": look, "found": found[kind, look]}
        for kind, words in count.items()
        for look in times
    ]
    for row in rows:
        print(f"{row['kind']:9} {row['look']:17} {row['found']:4} of {row['words']}")
    print("time beside evened out:", f"{times['with its strokes'] / times['evened out']:.2f}x")
    write_results("hidden_words", rows)


if __name__ == "__main__":
    main()
