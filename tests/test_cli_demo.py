"""`demo`: the whole way on drawn media, in a home that may be thrown away."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command import Ran, run

from supervisor_assets.cli.demo_files import REFUSED
from supervisor_core.demo_clip import FLASHED, PATIENT

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    root = tmp_path_factory.mktemp("demo")
    home = root / "demo"
    return home, run("demo", "--json", home=root / "other", SUPERVISOR_DEMO_HOME=str(home))


def told(shown: tuple[Path, Ran]) -> Any:
    return shown[1].json


def test_all_comes_out_as_it_should(shown: tuple[Path, Ran]) -> None:
    assert shown[1].code == 0, shown[1].err
    assert told(shown)["as_expected"] is True
    fates = {one["file"]: one for one in told(shown)["files"]}
    assert {name for name, one in fates.items() if one["state"] == "refused"} == set(REFUSED)
    assert fates["examination.mp4"]["level"] == "frame_level"
    assert {fates["examination.mp4"]["state"], fates["-y.mp4"]["state"]} == {
        "imported",
        "duplicate",
    }
    assert all(one["reason"] for name, one in fates.items() if name in REFUSED)


def test_it_names_a_picture_of_before_and_after(shown: tuple[Path, Ran]) -> None:
    picture = cv2.imread(told(shown)["picture"])
    before, after = picture[:, :640], picture[:, 660:]
    assert before.shape == after.shape == (360, 640, 3)
    flash = (slice(145, 175), slice(330, 560))  # where the name flashes up, at half its size
    assert np.mean(before[flash] > 200) > 0.02
    assert np.mean(after[flash] > 200) < 0.001


def test_it_says_how_to_open_the_webserver(shown: tuple[Path, Ran]) -> None:
    home, _ = shown
    assert told(shown)["command"].startswith(f"SUPERVISOR_HOME={home} ")
    assert told(shown)["command"].endswith("supervisor-assets up")


def test_it_touches_no_other_home(shown: tuple[Path, Ran]) -> None:
    assert not (shown[0].parent / "other").exists()


def test_the_patient_is_nowhere_to_be_read(shown: tuple[Path, Ran]) -> None:
    home, ran = shown
    words = [word.encode() for word in (PATIENT, FLASHED, PATIENT.split(",")[0])]
    assert not any(word.decode() in ran.out + ran.err for word in words)
    for folder in ("cleaned", "thumbnails", "dagster", "store", "logs"):
        for path in (home / folder).rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert not any(word in content for word in words), path


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    ran = run("demo", home=tmp_path / "other", SUPERVISOR_DEMO_HOME=str(tmp_path))
    assert ran.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
