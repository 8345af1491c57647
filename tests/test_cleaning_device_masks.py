"""A device's mask fits the picture, comes from the right file, or is refused with its reason."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from supervisor_core.cleaning.device_masks import device_names, load_mask
from supervisor_core.reasons import Failed, Reason

SHIPPED = ["fujifilm_4450hd", "generic", "olympus_cv_1500", "pentax_ept_7000"]


def write_mask(folder: Path, name: str, **changes: Any) -> Path:
    content = {
        "device": name,
        "frame": {"width": 800, "height": 600},
        "image": {"x": 100, "y": 50, "width": 600, "height": 500},
        "measured": True,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content | changes))
    return path


def reason_of(device: str, folder: Path | None = None) -> Reason:
    with pytest.raises(Failed) as failure:
        load_mask(device, folder)
    return failure.value.reason


def test_every_shipped_mask_loads_and_says_whether_it_was_measured() -> None:
    assert device_names() == SHIPPED
    assert {name for name in SHIPPED if load_mask(name).measured} == {"olympus_cv_1500"}
    assert all(load_mask(name).device == name for name in SHIPPED)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720), (960, 540), (640, 360)])
def test_the_region_is_scaled_to_the_picture(width: int, height: int) -> None:
    mask = load_mask("olympus_cv_1500").outside(height, width)
    kept = np.argwhere(mask == 0)
    scale = width / 1920
    assert mask.shape == (height, width)
    assert abs(kept[:, 1].min() - 550 * scale) < 1
    assert abs(kept[:, 1].max() + 1 - 1900 * scale) < 1
    assert (kept[:, 0].min(), kept[:, 0].max()) == (0, height - 1)


@pytest.mark.parametrize(("width", "height"), [(853, 480), (1366, 768), (319, 239), (7, 5), (1, 1)])
def test_no_kept_pixel_reaches_over_the_region(width: int, height: int) -> None:
    mask = load_mask("olympus_cv_1500").outside(height, width)
    columns = np.argwhere(mask == 0)[:, 1]
    assert (columns / width >= 550 / 1920).all()
    assert ((columns + 1) / width <= 1900 / 1920).all()


def test_a_picture_of_another_shape_is_scaled_each_way(tmp_path: Path) -> None:
    write_mask(tmp_path, "square")
    mask = load_mask("square", tmp_path).outside(1200, 400)
    assert (mask[100:1100, 50:350] == 0).all()
    assert mask.sum() == 1200 * 400 - 1000 * 300


def test_the_operators_own_file_wins(tmp_path: Path) -> None:
    write_mask(tmp_path, "olympus_cv_1500")
    write_mask(tmp_path, "tower_2")
    assert load_mask("olympus_cv_1500", tmp_path).frame == (800, 600)
    assert device_names(tmp_path) == sorted([*SHIPPED, "tower_2"])
    assert load_mask("olympus_cv_1500").frame == (1920, 1080)


def test_an_unknown_device_is_an_error(tmp_path: Path) -> None:
    assert reason_of("olympus_cv_9999", tmp_path) is Reason.UNKNOWN_DEVICE
    assert reason_of("generic_", None) is Reason.UNKNOWN_DEVICE


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "..",
        ".",
        "",
        "/etc/hostname",
        "sub/inner",
        "generic.json",
        "GENERIC",
        "a b",
        "g\n",
    ],
)
def test_a_name_never_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    own = tmp_path / "masks"
    (own / "sub").mkdir(parents=True)
    write_mask(tmp_path, "outside")
    write_mask(own / "sub", "inner")
    assert reason_of(name, own) is Reason.UNKNOWN_DEVICE


@pytest.mark.parametrize(
    "image",
    [
        {"x": -1, "y": 0, "width": 10, "height": 10},
        {"x": 0, "y": -1, "width": 10, "height": 10},
        {"x": 300, "y": 0, "width": 501, "height": 10},
        {"x": 0, "y": 590, "width": 10, "height": 11},
        {"x": 5000, "y": 0, "width": 10, "height": 10},
    ],
)
def test_a_region_outside_its_own_frame_is_an_error(image: dict[str, int], tmp_path: Path) -> None:
    write_mask(tmp_path, "tower", image=image)
    assert reason_of("tower", tmp_path) is Reason.MASK_OUT_OF_FRAME


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "not json",
        '{"device": "tower"}',
        '{"device":"tower","frame":{"width":0,"height":1},"image":{"x":0,"y":0,"width":1,"height":1},"measured":true}',
        '{"device":"tower","frame":{"width":9,"height":9},"image":{"x":0,"y":0,"width":0,"height":1},"measured":true}',
        "\ud83d",
    ],
)
def test_a_file_that_is_no_mask_is_told_as_such(content: str, tmp_path: Path) -> None:
    (tmp_path / "tower.json").write_text(content, errors="surrogatepass")
    assert reason_of("tower", tmp_path) is Reason.BAD_CONFIGURATION
