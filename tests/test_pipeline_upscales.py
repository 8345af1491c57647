"""Larger pictures from the wish of a person to the file in derivatives/, and out of it again."""

import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import typer
from command import run
from forge_server import ForgeServer, Mode
from look_parts import Gallery, film
from picture_builders import painted
from pipeline_parts import tries
from sensor_parts import acted
from store_builders import NOON

from sensors.upscales import wanted_upscales
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.cli import upscale as command
from supervisor_assets.cli.edge import Usage
from supervisor_assets.fingerprints.assets import upscales
from supervisor_assets.jobs import upscale_intake
from supervisor_assets.videos.assets import videos
from supervisor_core.keys import IntakeKey, MediaKey, media_id
from supervisor_core.media.hashing import sha256_of
from supervisor_core.media.stills import read_still
from supervisor_core.pipeline.enlarging import upscale_wished, wishing_intakes
from supervisor_core.reasons import Reason
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store import media as media_table
from supervisor_core.store import requests, variants
from supervisor_core.store.requests import Request, State, Verb
from supervisor_core.store.variants import Variant

SMALL = {"model_connect_s": 1.0, "forge_read_s": 0.5, "forge_total_s": 1.0}


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    made = Gallery(tmp_path)
    monkeypatch.setenv("SUPERVISOR_HOME", str(made.home.root))
    return made


@pytest.fixture
def forge() -> Iterator[ForgeServer]:
    with ForgeServer() as server:
        yield server


def with_forge(folder: Path, server: ForgeServer) -> Gallery:
    return Gallery(folder, changes={"forge_url": server.url, **SMALL})


def wish(gallery: Gallery, media: MediaKey, scale: float = 2.0) -> str:
    with gallery.store.write() as connection:
        detail = {"scale": scale}
        return requests.ask(connection, Verb.UPSCALE, media, "test", gallery.clock(), detail)


def enlarge(gallery: Gallery, key: IntakeKey) -> Any:
    return gallery.pipeline.do(upscale_wished, key)


def standing(gallery: Gallery, request: str) -> Request:
    with gallery.store.read() as connection:
        return requests.find(connection, request)


def children(gallery: Gallery, media: MediaKey) -> list[Variant]:
    with gallery.store.read() as connection:
        return variants.of(connection, [media])


def shut(gallery: Gallery, key: IntakeKey) -> None:
    with gallery.store.write() as connection:
        (known,) = media_table.of_intake(connection, key)
        waiting = replace(known, cleaning=Cleaning.WAITING, verification=Verification.NONE)
        media_table.save(connection, [waiting], NOON)


def test_a_larger_picture_is_linked_to_its_parent_and_preferred(gallery: Gallery) -> None:
    key = gallery.hang(painted(0, 100, 70))
    (media,) = gallery.media(key)
    request = wish(gallery, media)
    report = enlarge(gallery, key)
    assert (report.wanted, report.made) == (1, 1)
    assert standing(gallery, request).state is State.DONE
    (child,) = children(gallery, media)
    path = gallery.home.absolute(child.path or "")
    assert path.parent.parent == gallery.home.derivatives
    assert (child.child, child.output) == (sha256_of(path), media)
    assert read_still(path).shape == (140, 200, 3)
    assert (child.width, child.height, child.method, child.preferred) == (200, 140, "lanczos", True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert not list(gallery.home.work.iterdir())


def test_what_is_there_is_not_made_twice_and_the_largest_is_preferred(gallery: Gallery) -> None:
    key = gallery.hang(painted(0, 100, 70))
    (media,) = gallery.media(key)
    wish(gallery, media, 3.0)
    enlarge(gallery, key)
    wish(gallery, media, 2.0)
    again = wish(gallery, media, 3.0)
    report = enlarge(gallery, key)
    assert (report.made, report.there) == (1, 1)
    assert standing(gallery, again).state is State.DONE
    assert [(one.scale, one.preferred) for one in children(gallery, media)] == [
        (3.0, True),
        (2.0, False),
    ]
    assert len([one for one in tries(gallery, key) if one[0] == "upscale"]) == 2


def test_a_child_that_was_deleted_is_made_again(gallery: Gallery) -> None:
    key = gallery.hang(painted(0, 100, 70))
    (media,) = gallery.media(key)
    wish(gallery, media)
    enlarge(gallery, key)
    gallery.home.absolute(children(gallery, media)[0].path or "").unlink()
    wish(gallery, media)
    assert enlarge(gallery, key).made == 1
    assert gallery.home.absolute(children(gallery, media)[0].path or "").is_file()


def test_only_stills_that_may_be_read_are_made_larger(gallery: Gallery) -> None:
    video = gallery.show(film(1.0))
    request = wish(gallery, gallery.media(video)[0])
    enlarge(gallery, video)
    assert standing(gallery, request).reason is Reason.NOT_A_STILL
    key = gallery.hang(painted(0, 100, 70))
    request = wish(gallery, gallery.media(key)[0])
    shut(gallery, key)
    enlarge(gallery, key)
    found = standing(gallery, request)
    assert (found.state, found.reason) == (State.FAILED, Reason.NOT_VERIFIED)
    assert not list(gallery.home.derivatives.iterdir())


def test_a_gate_that_shuts_during_the_work_publishes_nothing(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    from supervisor_core.enrichment import child

    key = gallery.hang(painted(0, 100, 70))
    real = child.enlarge

    def slow(order: Any) -> Any:
        shut(gallery, key)
        return real(order)

    monkeypatch.setattr(child, "enlarge", slow)
    wish(gallery, gallery.media(key)[0])
    assert enlarge(gallery, key).made == 0
    assert not list(gallery.home.derivatives.iterdir())
    assert not list(gallery.home.work.iterdir())


def test_a_child_goes_when_its_parent_may_not_be_read_any_more(gallery: Gallery) -> None:
    key = gallery.hang(painted(0, 100, 70))
    (media,) = gallery.media(key)
    wish(gallery, media)
    enlarge(gallery, key)
    gallery.pipeline.sweep()
    assert len(children(gallery, media)) == 1
    shut(gallery, key)
    gallery.pipeline.sweep()
    assert children(gallery, media) == []
    assert not [path for path in gallery.home.derivatives.rglob("*") if path.is_file()]
    assert len([path for path in gallery.home.trash.rglob("*") if path.is_file()]) == 1


@pytest.mark.campaign
def test_a_picture_waits_for_forge_without_using_up_tries(
    tmp_path: Path, forge: ForgeServer
) -> None:
    with ForgeServer() as gone:
        pass
    gallery = with_forge(tmp_path, gone)
    key = gallery.hang(painted(0, 96, 72), painted(1, 96, 72))
    asked = [wish(gallery, media) for media in gallery.media(key)]
    for _ in range(5):
        report = enlarge(gallery, key)
        gallery.clock.turn(61)
    assert report.waiting == {Reason.FORGE_DOWN: 2}
    assert {standing(gallery, one).state for one in asked} == {State.QUEUED}
    assert [one.intake for one in gallery.pipeline.do(wishing_intakes)] == [key]
    back = replace(gallery, changes={"forge_url": forge.url, **SMALL})
    assert enlarge(back, key).made == 2
    assert {standing(back, one).state for one in asked} == {State.DONE}
    assert {one.method for media in back.media(key) for one in children(back, media)} == {"forge"}
    assert back.pipeline.do(wishing_intakes) == []


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("mode", "reason", "calls"),
    [
        (Mode.SMALLER, Reason.FORGE_BAD_ANSWER, 1),
        (Mode.FAILING, Reason.FORGE_FAILED, 3),
        (Mode.REFUSING, Reason.FORGE_REFUSED, 1),
    ],
)
def test_what_forge_can_not_do_ends_with_its_reason_and_may_be_asked_for_again(
    tmp_path: Path, forge: ForgeServer, mode: Mode, reason: Reason, calls: int
) -> None:
    gallery = with_forge(tmp_path, forge)
    key = gallery.hang(painted(0, 96, 72))
    (media,) = gallery.media(key)
    forge.mode = mode
    request = wish(gallery, media)
    for _ in range(5):
        enlarge(gallery, key)
        gallery.clock.turn(100)
    assert len(forge.asked) == calls
    found = standing(gallery, request)
    assert (found.state, found.reason) == (State.FAILED, reason)
    forge.mode = Mode.OK
    wish(gallery, media)
    assert enlarge(gallery, key).made == 1


def test_an_api_that_is_off_blocks_until_somebody_mends_it(
    tmp_path: Path, forge: ForgeServer
) -> None:
    gallery = with_forge(tmp_path, forge)
    key = gallery.hang(painted(0, 96, 72), painted(1, 96, 72))
    forge.mode = Mode.NO_API
    asked = [wish(gallery, media) for media in gallery.media(key)]
    assert enlarge(gallery, key).blocked == {Reason.FORGE_NOT_READY: 2}
    forge.mode = Mode.OK
    assert enlarge(gallery, key).made == 2
    assert {standing(gallery, one).state for one in asked} == {State.DONE}


def test_the_sensor_asks_for_a_run_that_answers_the_request(gallery: Gallery) -> None:
    key = gallery.hang(painted(0, 96, 72))
    resources = {"pipeline": acted(gallery)}
    with dg.DagsterInstance.ephemeral() as instance:
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            assert isinstance(wanted_upscales(context), dg.SkipReason)
        request = wish(gallery, gallery.media(key)[0])
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            found: Any = wanted_upscales(context)
        assert [one.partition_key for one in found.run_requests] == [key]
        instance.add_dynamic_partitions("intake", [key])
        definitions = dg.Definitions(
            assets=[videos, cleaned_frames, upscales], jobs=[upscale_intake], resources=resources
        )
        job = definitions.resolve_job_def(upscale_intake.name)
        result = job.execute_in_process(instance=instance, partition_key=key)
    (made,) = result.asset_materializations_for_node("upscales")
    assert made.metadata["made"].value == 1
    assert standing(gallery, request).state is State.DONE


@pytest.mark.campaign
def test_the_command_makes_it_here_while_no_daemon_runs(gallery: Gallery) -> None:
    key = gallery.hang(painted(0, 96, 72))
    (media,) = gallery.media(key)
    ran = run("upscale", media[:16], "--json", home=gallery.home.root)
    assert ran.code == 0, ran.err
    told = ran.json
    (picture,) = told["pictures"]
    assert (told["queued"], picture["state"], picture["media"]) == (False, "done", media_id(media))
    assert (picture["width"], picture["height"], picture["preferred"]) == (192, 144, True)
    assert gallery.home.absolute(picture["path"]).is_file()
    again = run("upscale", media, home=gallery.home.root)
    assert "done" in again.out
    with gallery.store.read() as connection:
        assert requests.open_upscales(connection) == []


def test_the_command_refuses_what_is_no_still_and_no_key(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    video = gallery.show(film(1.0))
    with pytest.raises(typer.Exit) as caught:
        command.run([video], 2.0, as_json=True)
    assert caught.value.exit_code != 0
    (picture,) = json.loads(capsys.readouterr().out)["pictures"]
    assert (picture["state"], picture["reason"]) == ("failed", "NOT_A_STILL")
    with gallery.store.read() as connection:
        assert requests.open_upscales(connection) == []
    with pytest.raises(Usage):
        command.run(["nonsense"], 2.0, as_json=True)
