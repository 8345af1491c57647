"""Every real file there is goes in, and comes to an end that is either proven or has a reason.

First the damaged files and the medical ones with names in their pictures, of a film its first
second, and what comes out of those is read again for the names; then the whole set, which takes
minutes.
"""

import json
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import start
from media_builders import copy_beginning

from supervisor_core.cleaning.engine import detector, reader
from supervisor_core.cleaning.ocr_text import normalise
from supervisor_core.media.dicom import read_dicom
from supervisor_core.media.frames import VideoFrames
from supervisor_core.media.stills import read_still

SETS = ("corrupt", "general", "medical", "sports_people")
EVERY_FRAMES = 10
TAKING_LIMIT_S = 500
SWEEP_LIMIT_S = 1500
SHORT = 3

FILM = "medical/overlay_laparoscopy_derived.mp4"
BEGINNING = 24
WITH_NAMES = (
    "medical/lx_endoscopy_frame1.jpg",
    "medical/lx_endoscopy_frame2.jpg",
    FILM,
    "medical/presidio_cxr0.png",
    "medical/us_ge_lymphnode.dcm",
)
VERIFIED = ("imported", "frame_level", None)


@dataclass(frozen=True)
class Taken:
    """What became of files that were taken into a home, by their path in the data."""

    home: Path
    code: int
    fates: dict[str, dict[str, Any]]
    seconds: float

    def ends(self) -> dict[str, tuple]:
        return {
            name: (fate["state"], fate["level"], fate["reason"])
            for name, fate in self.fates.items()
        }

    def output(self, name: str) -> Path:
        return self.home / self.fates[name]["output"]


def take_in(folder: Path, data: Path, names: Iterable[str], limit_s: float) -> Taken:
    """Takes copies of these files in, under the profile without limits, as a person does.

    What lies under its name in the folder `files` already is taken as it is.
    """
    files, home = folder / "files", folder / "home"
    for name in names:
        if not (files / name).exists():
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(data / name, files / name)
    started_s = time.monotonic()
    with start("ingest", files, "--profile", "archive", "--wait", "--json", home=home) as process:
        out, _ = process.communicate(timeout=limit_s)
    seconds = time.monotonic() - started_s
    told = json.loads(out)["files"]
    fates = {str(Path(fate["file"]).relative_to(files)): fate for fate in told}
    return Taken(home, process.returncode, fates, seconds)


def all_names(data: Path, *folders: str) -> list[str]:
    paths = [path for folder in folders for path in (data / folder).iterdir()]
    return sorted(str(path.relative_to(data)) for path in paths)


pytestmark = [pytest.mark.campaign, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def taken(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    names = [*all_names(shared_data, "corrupt"), *WITH_NAMES]
    folder = tmp_path_factory.mktemp("shared")
    (folder / "files" / FILM).parent.mkdir(parents=True)
    copy_beginning(shared_data / FILM, folder / "files" / FILM, BEGINNING)
    return take_in(folder, shared_data, names, TAKING_LIMIT_S)


def test_damaged_files_come_to_an_end_that_says_why(taken: Taken, shared_data: Path) -> None:
    names = all_names(shared_data, "corrupt")
    assert {name: end for name, end in taken.ends().items() if name in names} == {
        "corrupt/broken.png": ("refused", None, "METADATA_EXTRACTION_FAILED"),
        "corrupt/corrupted_h264.mp4": ("imported", "raw_aside", "DECODE_FAILED"),
        "corrupt/empty_file.png": ("refused", None, "FILE_EMPTY"),
        "corrupt/failing_audio.mp4": VERIFIED,
        "corrupt/invalid_userdata.mp4": ("refused", None, "FRAME_EXTRACTION_FAILED"),
        "corrupt/no_duration.webm": VERIFIED,
        "corrupt/one_pixel.mp4": VERIFIED,
        "corrupt/png_truncated.png": VERIFIED,
    }
    assert taken.code == 3


def pictures(path: Path) -> Iterator[np.ndarray]:
    """Every tenth BGR picture of a file."""
    if path.suffix == ".mp4":
        frames = (frame.bgr() for frame in VideoFrames(path))
    elif path.suffix == ".dcm":
        frames = iter(read_dicom(path).frames())
    else:
        frames = iter([read_still(path)])
    return islice(frames, 0, None, EVERY_FRAMES)


def texts(picture: np.ndarray) -> list[str]:
    """All that can be read in a picture, in small letters and without blanks."""
    regions = detector().find(picture)
    return [bare(reader().read(picture, region.quad).text) for region in regions]


def bare(text: str) -> str:
    return normalise(text).replace(" ", "").casefold()


def truth(data: Path) -> dict[str, str]:
    """Every string that stands in the medical pictures, as it is compared and as it is written."""
    told = json.loads((data / "medical" / "truth.json").read_text())
    strings = [one["text"] for one in told["identifiers"]]
    strings += [told["device_serial"], told["device_model"], *told["harmless"]]
    strings += [*told["files"].values(), *(text for one in told["other"].values() for text in one)]
    return {bare(text): text for text in strings}


def readable(picture: np.ndarray, strings: dict[str, str]) -> set[str]:
    """Which strings can be read; a very short one counts only when it stands by itself."""
    return {
        text
        for seen in texts(picture)
        for bare_text, text in strings.items()
        if seen == bare_text or (len(bare_text) > SHORT and bare_text in seen)
    }


@pytest.mark.parametrize("name", WITH_NAMES)
def test_no_name_of_the_medical_pictures_is_left(
    taken: Taken, shared_data: Path, name: str
) -> None:
    require_no_name(taken, shared_data, name)


def require_no_name(taken: Taken, data: Path, name: str) -> None:
    strings = truth(data)
    assert taken.ends()[name] == VERIFIED
    assert readable(next(pictures(data / name)), strings)
    for picture in pictures(taken.output(name)):
        assert not readable(picture, strings)


@pytest.mark.timeout(SWEEP_LIMIT_S + 60)
def test_every_file_there_is_comes_to_an_end(tmp_path: Path, shared_data: Path) -> None:
    names = all_names(shared_data, *SETS)
    taken = take_in(tmp_path, shared_data, names, SWEEP_LIMIT_S)
    print(f"{len(names)} files in {taken.seconds:.0f} s")
    assert sorted(taken.fates) == names
    assert {name: end for name, end in taken.ends().items() if end != VERIFIED} == {
        "corrupt/broken.png": ("refused", None, "METADATA_EXTRACTION_FAILED"),
        "corrupt/corrupted_h264.mp4": ("imported", "raw_aside", "DECODE_FAILED"),
        "corrupt/empty_file.png": ("refused", None, "FILE_EMPTY"),
        "corrupt/invalid_userdata.mp4": ("refused", None, "FRAME_EXTRACTION_FAILED"),
        "medical/truth.json": ("refused", None, "UNSUPPORTED_CONTAINER"),
    }
    assert all(fate["verified"] for fate in taken.fates.values() if fate["level"] == "frame_level")
    assert not [path for path in (taken.home / "inbox").rglob("*") if path.is_file()]
    for name in WITH_NAMES:
        require_no_name(taken, shared_data, name)
