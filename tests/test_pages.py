"""What people see of an intake in the pages: tables, strips, pictures, and how large those get."""

import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import cv2
import dagster as dg
import numpy as np
import pytest
from pipeline_parts import House as Parts
from rehearsal import House, metadata

from supervisor_assets.cleaned_frames.checks import anonymized
from supervisor_assets.cli import pages
from supervisor_assets.facts import cleaning_facts, masked_facts, picture_facts
from supervisor_assets.instance import prepare_dagster_home
from supervisor_assets.making import version_of
from supervisor_assets.tables import arrival_table, cleaning_table
from supervisor_assets.videos.checks import decodable
from supervisor_core.cleaning.job import CODE_VERSION
from supervisor_core.deadline import Worker
from supervisor_core.home import Home
from supervisor_core.media.strips import ROW, WIDTH, Strip, draw_strips
from supervisor_core.pipeline import Pipeline
from supervisor_core.pipeline.masked_times import SPANS_MAX, joined, masked_times
from supervisor_core.pipeline.tools import Tools
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings

EVENT_BYTES = 30_000


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    home = Home.create(tmp_path / "home")
    prepare_dagster_home(home)
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        yield House(home, instance)


def told(facts: dict[str, dg.MetadataValue]) -> str:
    return json.dumps({name: str(value.value) for name, value in facts.items()})


def test_the_items_that_did_not_come_through_are_listed_first_and_twenty_at_most(
    tmp_path: Path,
) -> None:
    parts = Parts(tmp_path)
    good = [f"Eva Kanarienvogel {number}" for number in range(30)]
    key = parts.arrive(*good, "Adler\nframe_level = TIMEOUT\nroi_mask = DECODE_FAILED")
    parts.clean(key)
    summary = parts.pipeline.summary(key)
    facts = arrival_table(summary) | cleaning_table(summary) | cleaning_facts(summary)
    table = facts["items"]
    assert isinstance(table, dg.TableMetadataValue)
    rows = [record.data for record in table.records]
    assert len(rows) == 20
    assert facts["items_not_shown"].value == 11
    assert (rows[0]["level"], rows[0]["reason"], rows[0]["item"]) == (
        "raw_aside",
        "DECODE_FAILED",
        30,
    )
    assert all(set(row) == {column.name for column in table.schema.columns} for row in rows)
    assert all(str(row["media"]) in {str(one)[:16] for one in summary.media} for row in rows)
    assert "Kanarien" not in told(facts)
    assert "Adler" not in told(facts)
    assert len(told(facts)) < EVENT_BYTES


def test_what_cleaned_files_are_bound_to_is_told(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    key = parts.arrive("one")
    parts.clean(key)
    facts = cleaning_facts(parts.pipeline.summary(key))
    assert facts["rests_on"].value == "all_text/drop/-, code 1"


def test_a_run_is_found_by_its_profile_and_its_output_has_the_version_of_its_content(
    house: House,
) -> None:
    house.drop("a.mp4")
    (intake,) = house.take_in()
    first = house.run(intake)
    (made,) = first.asset_materializations_for_node("cleaned_frames.settle")
    (cleaned,) = house.home.cleaned.rglob("*.mp4")
    same = version_of([f"{cleaned.stem} all_text/drop/- {CODE_VERSION}"])
    assert (made.tags or {})["dagster/data_version"] == same
    run = house.instance.get_run_by_id(first.run_id)
    assert run is not None
    assert run.tags["supervisor/profile"] == "upload"
    (row,) = (record.data for record in metadata(first, "videos")["items"].records)
    assert (row["state"], row["format"], row["size"]) == ("imported", "mp4 h264", "64x48")


def test_the_store_keeps_when_something_was_masked_and_not_what(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    key = parts.arrive("a name")
    parts.clean(key)
    (output,) = parts.pipeline.summary(key).outputs
    assert masked_times(output) == [(0.0, 0.0)]
    assert "Kanarien" not in output.report
    assert masked_facts(parts.pipeline.summary(key)) == {}  # a still has no time


def test_spans_are_joined_where_they_touch_and_stay_few() -> None:
    assert joined([(2.0, 3.0), (0.0, 1.0), (1.2, 2.0), (9.0, 9.5)]) == [(0.0, 3.0), (9.0, 9.5)]
    many = [(float(at), at + 0.1) for at in range(10_000)]
    few = joined(many)
    assert 0 < len(few) <= SPANS_MAX
    assert (few[0][0], few[-1][1]) == (0.0, 9999.1)


def test_a_strip_is_marked_where_something_was_masked() -> None:
    content = draw_strips([Strip(100.0, [(25.0, 50.0)]), Strip(50.0, [(0.0, 50.0)])])
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    blue = picture[:, :, 0].astype(int) - picture[:, :, 2] > 100
    first, second = blue[ROW // 2], blue[ROW + ROW // 2]
    left = 20
    per_s = (WIDTH - 2 * left) / 100
    for strip, marked in ((first, (25, 50)), (second, (0, 50))):
        columns = np.flatnonzero(strip)
        assert np.allclose((columns[[0, -1]] - left) / per_s, marked, atol=0.5)
    many = draw_strips([Strip(9000.0, joined([(at, at + 2) for at in range(0, 9000, 7)]))] * 40)
    assert len(many) < 8_000


def test_a_large_thumbnail_is_made_smaller_for_the_pages(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    key = parts.arrive("one")
    parts.clean(key)
    (thumbnail,) = parts.home.thumbnails.rglob("*.jpg")
    noise = np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8)
    thumbnail.write_bytes(cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
    assert thumbnail.stat().st_size > 100_000
    with Worker() as worker:
        work = Pipeline(parts.store, parts.home, parts.settings, worker, "test", tools=Tools())
        content = work.preview(work.summary(key))
    assert content
    assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape[0] <= 256
    assert len(told(picture_facts(content))) < EVENT_BYTES
    assert not list(parts.home.work.iterdir())
    assert io.BytesIO(content).read(2) == b"\xff\xd8"


def test_commands_name_the_pages_only_while_something_answers_there(tmp_path: Path) -> None:
    home, settings = Home.create(tmp_path), Settings(home=tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pages.written(home, url):
            assert pages.address(home, settings) == url
        assert pages.address(home, settings) is None
        left_behind = pages.written(home, url)
        left_behind.__enter__()
    assert pages.address(home, settings) is None
    shown = Settings(home=tmp_path, ui_url="https://pages.example/dagster/")
    assert pages.address(home, shown) == "https://pages.example/dagster"


def test_a_command_says_where_an_intake_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=tmp_path, ui_url="http://pages.example")
    pages.tell(Home.create(tmp_path), settings, ["20260101_AAAAAAAAAA"] * 9)
    said = capsys.readouterr()
    assert said.out == ""
    page, runs = said.err.splitlines()[:2]
    assert page.endswith("/assets/cleaned_frames?view=partitions&partition=20260101_AAAAAAAAAA")
    assert unquote(runs).endswith("/runs?q[0]=tag:dagster/partition=20260101_AAAAAAAAAA")
    assert len(said.err.splitlines()) == 2 * pages.SHOWN


def test_a_check_that_fails_says_why_and_what_to_do(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    key = parts.arrive("one\nframe_level = TIMEOUT\nroi_mask = DECODE_FAILED")
    parts.clean(key)
    for found in (anonymized(parts.pipeline.summary(key)), decodable(parts.pipeline.summary(key))):
        assert not found.passed
        said = str(found.metadata["reasons"].value)
        assert Reason.DECODE_FAILED.sentence in said
        assert Reason.DECODE_FAILED.next_step in said
