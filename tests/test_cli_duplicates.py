"""`duplicates`: groups with distances and offsets, what to keep and why; nothing is changed."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import run
from look_parts import Gallery, film
from picture_builders import painted, scaled
from store_builders import NOON, output

from supervisor_assets.cli import duplicates
from supervisor_assets.cli.edge import Usage
from supervisor_core.keys import IntakeKey, media_id
from supervisor_core.pipeline.fingerprinting import take_fingerprints
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store import media as media_table
from supervisor_core.store import outputs


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    made = Gallery(tmp_path)
    monkeypatch.setenv("SUPERVISOR_HOME", str(made.home.root))
    return made


def told(capsys: pytest.CaptureFixture[str], key: str = "", limit: int | None = None) -> Any:
    duplicates.run(key, limit, as_json=True)
    return json.loads(capsys.readouterr().out)


def hang(gallery: Gallery, *pictures: np.ndarray) -> IntakeKey:
    key = gallery.hang(*pictures)
    gallery.pipeline.do(take_fingerprints, key)
    return key


@pytest.mark.campaign
def test_the_larger_picture_is_suggested_and_a_mirrored_one_is_told(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = painted(3, 640, 480)
    small = hang(gallery, scaled(picture, 0.5), painted(4))
    large = hang(gallery, picture, np.ascontiguousarray(picture[:, ::-1]))
    (group,) = told(capsys)["groups"]
    assert group["kind"] == "near"
    assert group["keep"] in [media_id(one) for one in gallery.media(large)]
    first, *others = group["members"]
    assert (first["media"], first["distance"]) == (group["keep"], 0)
    assert sorted(one["width"] for one in others) == [320, 640]
    assert max(one["distance"] for one in others) <= 8
    assert sum(one["mirrored"] for one in others) in (1, 2)
    assert media_id(gallery.media(small)[1]) not in str(group)


@pytest.mark.campaign
def test_the_same_bytes_twice_are_one_media_that_came_twice(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    first = gallery.hang(painted(3))
    shutil.copy(gallery.raw(first), gallery.place("again.png"))
    second = gallery.take_in("again.png")
    (group,) = told(capsys)["groups"]
    assert (group["kind"], group["keep"]) == ("exact", media_id(gallery.media(first)[0]))
    assert [one["intake"] for one in group["members"]] == [first, second]
    assert told(capsys, gallery.media(first)[0][:16])["found"] == 1
    assert told(capsys, first)["found"] == 1


@pytest.mark.campaign
def test_a_clip_is_told_with_its_place_and_a_film_coded_anew_as_near(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = film(8.0, seed=7)
    shown = [pictures, pictures[25:55], [scaled(one, 0.5) for one in pictures]]
    keys = [gallery.show(one) for one in shown]
    for key in keys:
        gallery.pipeline.do(take_fingerprints, key)
    whole, clip, smaller = (media_id(gallery.media(key)[0]) for key in keys)
    groups = told(capsys)["groups"]
    near = [one for one in groups if one["kind"] == "near"]
    assert [one["media"] for one in near[0]["members"]] == [whole, smaller]
    clips = {one["keep"]: one for one in groups if one["kind"] == "clip"}
    assert set(clips) == {whole, smaller}
    member = clips[whole]["members"][1]
    assert member["media"] == clip
    assert member["offset_s"] == pytest.approx(2.5, abs=0.3)
    assert member["matched"] > 0.9


@pytest.mark.campaign
def test_cleaned_files_that_came_out_the_same_are_told(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = painted(3)
    first = gallery.hang(picture)
    content = gallery.raw(first).read_bytes()
    gallery.place("b.png").write_bytes(content + b"\0" * 9)
    second = gallery.take_in("b.png")
    keys = [gallery.media(first)[0], gallery.media(second)[0]]
    _pretend_cleaned(gallery, keys)
    (group,) = told(capsys)["groups"]
    assert group["kind"] == "exact"
    assert {one["media"] for one in group["members"]} == {media_id(one) for one in keys}


def _pretend_cleaned(gallery: Gallery, keys: list[Any]) -> None:
    with gallery.store.write() as connection:
        known = media_table.load(connection, keys)
        clean = [
            replace(one, cleaning=Cleaning.FRAME_LEVEL, verification=Verification.VERIFIED)
            for one in known.values()
        ]
        media_table.save(connection, clean, NOON)
        same = hashlib.sha256(b"same").hexdigest()
        made = [output(one, sha256=same, verified_at=NOON, level=one.cleaning) for one in clean]
        outputs.save(connection, made)


def test_what_may_no_longer_be_read_is_no_duplicate(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    key = hang(gallery, painted(3, 640, 480), scaled(painted(3, 640, 480), 0.5))
    assert told(capsys)["found"] == 1
    with gallery.store.write() as connection:
        known, _ = media_table.of_intake(connection, key)
        media_table.save(connection, [replace(known, cleaning=Cleaning.WAITING)], NOON)
    assert told(capsys)["found"] == 0


@pytest.mark.campaign
def test_the_table_says_what_to_keep_and_why_and_the_limit_holds(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = [painted(seed, 640, 480) for seed in range(3)]
    hang(gallery, *pictures, *(scaled(one, 0.5) for one in pictures))
    assert (told(capsys, limit=2)["found"], len(told(capsys, limit=2)["groups"])) == (3, 2)
    duplicates.run("", 2, as_json=False)
    shown = capsys.readouterr()
    assert shown.out.count("keep") == 2
    assert "it has the most pixels" in shown.err
    assert "2 of 3 groups" in shown.err


@pytest.mark.campaign
def test_an_unknown_key_is_refused_and_without_groups_it_says_so(gallery: Gallery) -> None:
    with pytest.raises(Usage):
        duplicates.run("nonsense", None, as_json=True)
    ran = run("duplicates", home=gallery.home.root)
    assert (ran.code, "No duplicates" in ran.err) == (0, True)
    assert run("duplicates", "--json", home=gallery.home.root).json["groups"] == []
