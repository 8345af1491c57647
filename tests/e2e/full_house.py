"""A home in which there is one of everything that the pages show, made by the real pipeline.

What comes in is drawn; cleaning, proving, small pictures, fingerprints, larger pictures and the
questions to a model server on loopback are real. Only what takes hours or a camera - a recording
with gaps, a level that fails - is written with the store's own functions.

First come the files (`make`), which takes longest; then people, files and models say something
about them (`say`), so that a copy of the same files can hold other words.

    python tests/e2e/full_house.py FOLDER      for looking at by hand
"""

import json
import shutil
import sys
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a test finds its neighbours

from analysis_parts import SMALL, grounded
from drawn import picture
from library_parts import Shelf
from media_builders import write_dicom, write_video
from ollama_server import OllamaServer
from picture_builders import painted, recompressed, scaled
from pipeline_parts import House

from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.libraries.visit import Exif
from supervisor_core.media.hashing import sha256_of
from supervisor_core.pipeline.enlarging import upscale_wished
from supervisor_core.pipeline.enriching import Order
from supervisor_core.pipeline.fingerprinting import take_fingerprints
from supervisor_core.pipeline.tools import Tools
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.progress import State as Picture
from supervisor_core.states import Recording
from supervisor_core.store import (
    exif,
    fields,
    looks,
    outputs,
    prompts,
    recordings,
    requests,
    reviews,
    segments,
    tags,
)
from supervisor_core.store.looks import Glance
from supervisor_core.store.prompts import StoredPrompt
from supervisor_core.store.recordings import Session
from supervisor_core.store.segments import GapRow
from supervisor_core.store.tags import Rating

REVIEWED = 21  # stills that wait for a review
SHELVED = 110  # pictures of the library: more than a page, with a filter too
LENGTH_S, RATE = 12, 5
DAY_S = 86_400
_LIST = "items.json"
REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
LINES = ("Erika Mustermann", "born 03.05.1961")


@dataclass(frozen=True)
class Words:
    """What people, files and models say in this home."""

    title: str = "Harbour, second look"
    caption: str = "Hills above the harbour, a low sun"
    tag: str = "harbour"
    namespace: str = "place"
    collection: str = "Teaching"
    prompt: str = "a harbour at dusk, soft light"
    former: str = "a harbour"
    negative: str = "blurry"
    tool: str = "automatic1111"
    model: str = "sdxl"
    sampler: str = "Euler a"
    camera: str = "Nikon COOLPIX P6000"
    taken: str = "2008-10-22 16:28:39"
    source: str = "archive"
    who: str = "gallery:erika"
    stream: str = "theatre-2"
    value: str = "Hills in three rows before a pale sky"


@dataclass
class FullHouse:
    """The house, and which item is which, by its media."""

    house: House
    review: list[MediaKey] = field(default_factory=list)
    videos: list[MediaKey] = field(default_factory=list)
    dicom: list[MediaKey] = field(default_factory=list)
    shelf: list[MediaKey] = field(default_factory=list)
    one: dict[str, MediaKey] = field(default_factory=dict)
    real: Path = REAL

    def id(self, name: str) -> str:
        """The id of one of the named items, as pages have it."""
        return self.one[name][:16]

    def write_down(self) -> None:
        """Remembers beside the home which item is which."""
        known = {name: value for name, value in vars(self).items() if name not in ("house", "real")}
        (self.house.folder / _LIST).write_text(json.dumps(known))

    @classmethod
    def open(cls, folder: Path, **changes: Any) -> "FullHouse":
        """The house in a folder; `changes` are settings."""
        known = json.loads((folder / _LIST).read_text())
        house = House(folder, tools=Tools(sleep=lambda _: None), changes=SMALL | changes)
        house.clock.turn(20 * DAY_S)
        return cls(house, **known)


def make(folder: Path, *, real: bool = True) -> FullHouse:
    """Takes in all files; takes about half a minute. With `real` also ones that are not drawn."""
    house = House(folder, tools=Tools(sleep=lambda _: None), changes=SMALL)
    full = FullHouse(house, real=REAL if real else Path("/nowhere"))
    for step in (_stills, _videos, _dicom, _recording, _library, _odd, _three):
        house.clock.turn(1.1 * DAY_S)
        step(full)
    full.write_down()
    return full


def copy_of(folder: Path, to: Path, words: Words | None = None) -> FullHouse:
    """The same files once more, about which all that can be said is said if `words` are given.

    Pictures of the library stay where they are: both homes link to them.
    """
    shutil.copytree(folder, to, symlinks=True)
    if words is not None:
        say(to, words)
    return FullHouse.open(to)


def say(folder: Path, words: Words) -> None:
    """Has people, files and models say something about the items."""
    with OllamaServer() as server:
        server.answer = lambda request: _answer(request, words)
        full = FullHouse.open(folder, ollama_url=server.url)
        for step in (_tell, _ask_models, _decide, _name):
            full.house.clock.turn(60)
            step(full, words)


def _answer(request: Any, words: Words) -> Any:
    """What a model says: the asked form, with our words where it may say any."""
    return _put(grounded(request), words.value)


def _put(part: Any, text: str) -> Any:
    if isinstance(part, dict):
        return {name: _put(one, text) for name, one in part.items()}
    if isinstance(part, list):
        return [_put(one, text) for one in part]
    return text if part == "seen" else part


def media_of(house: House, key: IntakeKey) -> list[MediaKey]:
    """The media of an intake in their order."""
    return [item.media.media for item in house.pipeline.summary(key).items if item.media]


def _take_in(full: FullHouse, *names: str, clean: bool = True, **more: str) -> list[MediaKey]:
    """Files that lie in the inbox come in together."""
    house = full.house
    key = house.record(*(house.see(name) for name in names), **more)
    house.pipeline.import_items(key)
    if clean:
        house.clean(key)
    return media_of(house, key)


def _draw(full: FullHouse, name: str, pixels: np.ndarray) -> str:
    cv2.imwrite(str(full.house.home.inbox / name), pixels)
    return name


def _stills(full: FullHouse) -> None:
    names = [
        _draw(full, f"s{number}.png", picture(LINES[:1], 240, 150, shift=7 * number))
        for number in range(REVIEWED)
    ]
    full.review = _take_in(full, *names)


def scene(seed: int, width: int, height: int, at: float = 0.5) -> np.ndarray:
    """A landscape, the same for the same seed: hills before a sky, with a sun at a part of it."""
    rng = np.random.default_rng(seed)
    sky, low, near = (rng.integers(*span, 3) for span in ((90, 230), (140, 250), (20, 90)))
    down = np.linspace(0, 1, height)[:, None, None]
    pixels = np.repeat((1 - down) * sky + down * low, width, axis=1)
    centre = int(at * width), int(rng.uniform(0.15, 0.5) * height)
    cv2.circle(pixels, centre, height // 9, (200, 235, 255), -1, cv2.LINE_AA)
    x, rows = np.linspace(0, 1, width), np.arange(height)[:, None]
    for number in range(4):
        waves = rng.uniform(2, 14, 3), rng.uniform(0, 6, 3), rng.uniform(0.02, 0.09, 3)
        edge = sum(
            size * np.sin(wave * x + phase) for wave, phase, size in zip(*waves, strict=True)
        )
        part = (number + 1) / 4
        pixels[rows > height * (0.4 + 0.13 * number + edge)] = (1 - part) * low + part * near
    return pixels.astype(np.uint8)


def _film(seed: int) -> list[np.ndarray]:
    """A sun goes over the sky; a name stands on a quarter of the frames."""
    frames = []
    for number in range(LENGTH_S * RATE):
        pixels = scene(seed, 480, 270, at=number / (LENGTH_S * RATE))
        if number // RATE in (2, 3, 8):
            cv2.rectangle(pixels, (0, 0), (480, 70), (40, 40, 40), -1)
            cv2.putText(pixels, LINES[0], (16, 44), 0, 1.0, (240, 240, 240), 2)
        frames.append(pixels)
    return frames


def _videos(full: FullHouse) -> None:
    for seed in (1, 40):
        write_video(full.house.home.inbox / f"v{seed}.mp4", _film(seed), rate=RATE)
        full.videos += _take_in(full, f"v{seed}.mp4")


def _dicom(full: FullHouse) -> None:
    pixels = cv2.cvtColor(picture(LINES, 320, 240), cv2.COLOR_BGR2GRAY)
    write_dicom(full.house.home.inbox / "d.dcm", pixels)
    write_dicom(full.house.home.inbox / "cine.dcm", np.stack([pixels, pixels[::-1], pixels]))
    inbox = full.house.home.inbox
    real = [
        full.real / "medical" / name for name in ("us_ge_lymphnode.dcm", "lx_endoscopy_frame2.jpg")
    ]
    names = [shutil.copy(path, inbox / path.name).name for path in real if path.is_file()]
    names = ["d.dcm", "cine.dcm", *names]
    full.dicom = _take_in(full, *names)


def _recording(full: FullHouse) -> None:
    """A session of three hours, of which forty minutes are missing in two pieces."""
    house = full.house
    write_video(house.home.inbox / "rec.mp4", _film(90)[: 4 * RATE], rate=RATE)
    key = house.record(house.see("rec.mp4"), profile="upload")
    house.pipeline.import_items(key)
    house.clean(key)
    full.one["recording"] = media_of(house, key)[0]
    began = house.clock()
    session = Session(
        key,
        "stream",
        began,
        began,
        state=Recording.HANDED_OVER,
        ended=began + timedelta(hours=3),
        media_s=8400.0,
        picture=Picture.OK,
    )
    with house.store.write() as connection:
        recordings.save(connection, [session], began)
        for start, length, reason in (
            (20, 30, Reason.STREAM_FROZEN),
            (100, 10, Reason.SOURCE_STALLED),
        ):
            at = began + timedelta(minutes=start)
            end = at + timedelta(minutes=length)
            segments.add_gap(connection, GapRow(key, at, end, reason, length * 60.0))


def _library(full: FullHouse) -> None:
    house = full.house
    shelf = Shelf(house)
    for number in range(SHELVED):
        pixels = scene(1000 + number, 320, 240, at=number % 9 / 9)
        shelf.put(f"{number:03}.jpg", cv2.imencode(".jpg", pixels)[1].tobytes())
    for path in sorted(full.real.glob("images/exif/*.jpg")):  # none where they are not at hand
        shelf.put(f"real/{path.name}", path.read_bytes())
    whole = painted(5, 640, 480)
    twins = (
        shelf.put("twin.png", cv2.imencode(".png", whole)[1].tobytes()),
        shelf.put(
            "twin.jpg", cv2.imencode(".jpg", recompressed(scaled(whole, 0.5), 60))[1].tobytes()
        ),
    )
    full.one["twin"], full.one["other twin"] = (MediaKey(sha256_of(path)) for path in twins)
    keys = shelf.take_in()
    for key in keys:
        house.pipeline.do(take_fingerprints, key)
        full.shelf += media_of(house, key)
    full.one["told"], full.one["large"] = full.shelf[0], full.shelf[1]
    with house.store.write() as connection:
        intake = _intake_of(connection, full.one["large"])
        wish = full.one["large"], "test", house.store.now(), {"scale": 2.0}
        requests.ask(connection, requests.Verb.UPSCALE, *wish)
    house.pipeline.do(upscale_wished, intake)


def _intake_of(connection: Any, media: MediaKey) -> IntakeKey:
    row = connection.execute("SELECT intake FROM arrival WHERE media = ?", [media]).fetchone()
    return IntakeKey(row[0])


def _odd(full: FullHouse) -> None:
    """What waits, what could not be cleaned, what was refused, and a source with a name."""
    house = full.house
    (house.home.inbox / "broken.png").write_bytes(b"no picture at all")
    _take_in(full, "broken.png", clean=False)
    (full.one["waiting"],) = _take_in(
        full, _draw(full, "w.png", picture(LINES, 240, 160, shift=400)), clean=False
    )
    usual, house.tools = house.tools, replace(house.tools, clean=_fails)
    (full.one["raw"],) = _take_in(full, _draw(full, "r.png", picture(LINES, 240, 160, shift=500)))
    house.tools = usual
    (full.one["named"],) = _take_in(
        full, _draw(full, "n.png", picture(LINES[:1], 240, 160, shift=600))
    )


def _fails(*_: object) -> Any:
    raise Failed(Reason.DECODE_FAILED)


def _three(full: FullHouse) -> None:
    """Three that somebody will have decided about."""
    names = [
        _draw(full, f"x{number}.png", picture(LINES[:1], 240, 150, shift=700 + 9 * number))
        for number in range(3)
    ]
    full.one |= dict(zip(("released", "held", "rejected"), _take_in(full, *names), strict=True))


def _tell(full: FullHouse, words: Words) -> None:
    """Says all that can be said of one picture, and a little of the others."""
    told = full.one["told"]
    first = StoredPrompt(
        told,
        words.former,
        words.negative,
        words.tool,
        seed=7,
        steps=20,
        sampler=words.sampler,
        model=words.model,
    )
    with full.house.store.write() as connection:
        now = full.house.store.now()
        prompts.put(connection, [first], words.who, now)
        prompts.put(connection, [replace(first, positive=words.prompt)], words.who, now)
        exif.put(connection, {told: Exif(words.taken, words.camera)})
        tags.put(connection, told, [tags.Tag(words.tag, words.namespace)], "file", now)
        fields.edit(connection, told, "title", words.title, words.who, now)
        fields.edit(connection, told, "caption", words.caption, words.who, now)
        tags.collect(connection, [told], words.collection, "human", now)
        for number, media in enumerate(full.shelf):
            tags.rate(connection, media, Rating(number % 6, "file"), now)
            if number % 10:
                tags.put(connection, media, [tags.Tag("shelf")], "file", now)


def _ask_models(full: FullHouse, words: Words) -> None:
    work = full.house.pipeline
    with full.house.store.read() as connection:
        film = _intake_of(connection, full.videos[0])
        shelf = _intake_of(connection, full.one["told"])
    work.analyse(film)
    for mode in ("caption", "quality"):
        work.enrich(shelf, mode, Order(media=frozenset(full.shelf[:5])))
    work.block_enrichments([shelf], "title", Reason.BLOCKED_BY_OLLAMA)


def _decide(full: FullHouse, words: Words) -> None:
    """One item is let out, one is held, one rejected."""
    with full.house.store.write() as connection:
        now, out = full.house.store.now(), full.one["released"]
        file = str(outputs.current(connection, [out])[out].sha256)
        looks.add(connection, [Glance(out, file, words.who, now, reviewing=True)])
        reviews.release(connection, out, file, words.who, now)
        reviews.hold(connection, [full.one["held"]], words.who, now)
        reviews.reject(connection, [full.one["rejected"]], words.who, now)


def _name(full: FullHouse, words: Words) -> None:
    """Names of sources and streams, which configuration refuses to be anything but words."""
    with full.house.store.write() as connection:
        intake = _intake_of(connection, full.one["named"])
        connection.execute("UPDATE intake SET source = ? WHERE intake = ?", [words.source, intake])
        connection.execute("UPDATE recording SET stream = ?", [words.stream])


if __name__ == "__main__":
    root = Path(sys.argv[1])
    make(root)
    say(root, Words())
