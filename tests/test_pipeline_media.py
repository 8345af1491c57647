"""Real files through all steps, with the real worker and the real cleaning."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline_parts import House

from supervisor_core.deadline import Worker
from supervisor_core.keys import IntakeKey
from supervisor_core.media.kinds import recognise
from supervisor_core.pipeline.tools import Tools
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Arrival as State
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store import identifiers

STILLS = (
    "images/dups/ukbench00120_resize.jpg",
    "images/exif/landscape_6.jpg",
    "medical/us_sonosite_cine30.dcm",
    "corrupt/empty_file.png",
    "corrupt/broken.png",
)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as warm:
        yield warm


@pytest.fixture
def house(tmp_path: Path, worker: Worker) -> House:
    return House(tmp_path, worker, Tools())


def bring(house: House, data: Path, *names: str) -> IntakeKey:
    for name in names:
        shutil.copy2(data / name, house.home.inbox / Path(name).name)
    key = house.record(*(house.see(Path(name).name) for name in names))
    house.pipeline.import_items(key)
    house.clean(key)
    return key


def test_stills_and_dicom_come_out_clean_and_the_broken_are_kept(
    house: House, shared_data: Path
) -> None:
    key = bring(house, shared_data, *STILLS)
    summary = house.pipeline.summary(key)
    assert [one.arrival for one in summary.items] == [State.IMPORTED] * 3 + [State.REFUSED] * 2
    assert summary.levels == {Cleaning.FRAME_LEVEL: 3}
    assert summary.verifications == {Verification.VERIFIED: 3}
    assert summary.reasons == {Reason.FILE_EMPTY: 1, Reason.METADATA_EXTRACTION_FAILED: 1}
    assert (summary.frames, summary.frames_inspected) == (32, 32)
    assert [one.output.kind for one in summary.items[:3]] == ["jpeg", "jpeg", "mp4"]
    shown = list(house.home.cleaned.rglob("*.*"))
    drawn = {path.name.partition(".")[2] for path in house.home.thumbnails.rglob("*.jpg")}
    assert len(shown) == len(list(house.home.thumbnails.rglob("*.jpg"))) - 1 == 3
    assert drawn == {"jpg", "sprite.jpg"}
    assert all(recognise(path.read_bytes()[:4096]) for path in shown)
    assert not list(house.home.work.iterdir())


def test_the_strings_of_a_real_overlay_are_in_the_restricted_store_only(
    house: House, shared_data: Path
) -> None:
    name = "lx_endoscopy_frame1.jpg"
    key = bring(house, shared_data, f"medical/{name}")
    (item,) = house.pipeline.summary(key).items
    assert item.verified
    with house.store.restricted() as connection:
        found = identifiers.of_media(connection, [item.media.media])
    read = " ".join(one.text for one in found)
    truth = json.loads((shared_data / "medical" / "truth.json").read_text())
    assert "Lux" in read
    assert "Lux" in json.dumps(truth)
    for path in house.home.root.rglob("*"):
        if path.is_file() and path.parts[-2] in ("store", "logs"):
            assert b"Thomas" not in path.read_bytes()
    with house.store.read() as connection:
        tables = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
        text = "".join(str(connection.execute(f"FROM {one}").fetchall()) for one in tables)
    assert "Lux" not in text
    assert name not in text


def test_a_video_keeps_its_frames_on_the_way(house: House, shared_data: Path) -> None:
    key = bring(house, shared_data, "corrupt/one_pixel.mp4")
    (item,) = house.pipeline.summary(key).items
    assert item.verified
    assert (item.output.frames, item.output.verified_frames) == (5, 5)
    assert item.output.frames_match
    assert not item.output.stray_metadata
    assert house.progress[-1][0] == house.progress[-1][1]


def from_device(house: House, picture: Path, device: str) -> IntakeKey:
    """A picture that came in by a profile with this device."""
    folder = house.home.root / "profiles"
    folder.mkdir(exist_ok=True)
    (folder / "tower.toml").write_text(f"device = '{device}'\n")
    shutil.copy2(picture, house.home.inbox / "one.jpg")
    key = house.record(house.see("one.jpg"), profile="tower")
    house.pipeline.import_items(key)
    return key


def test_the_device_of_the_profile_reaches_the_mask(house: House, shared_data: Path) -> None:
    picture = shared_data / "images/dups/ukbench00120_resize.jpg"
    key = from_device(house, picture, "olympus_cv_1500")
    house.clean(key)
    (item,) = house.pipeline.summary(key).items
    assert item.verified
    assert item.output.coverage > 0.25


def test_a_device_that_nobody_knows_stops_the_run_and_the_files_wait(
    house: House, shared_data: Path
) -> None:
    key = from_device(house, shared_data / "images/dups/ukbench00120_resize.jpg", "olympsu")
    with pytest.raises(Failed) as caught:
        house.clean(key)
    assert caught.value.reason is Reason.UNKNOWN_DEVICE
    (item,) = house.pipeline.summary(key).items
    assert item.level is Cleaning.WAITING
    from_device(house, shared_data / "images/dups/ukbench00120_resize.jpg", "olympus_cv_1500")
    house.clean(key)
    (item,) = house.pipeline.summary(key).items
    assert item.verified
