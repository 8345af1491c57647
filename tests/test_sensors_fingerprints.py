"""The sensor, job, assets and checks of integrity and fingerprints over real files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from look_parts import Gallery
from picture_builders import painted, scaled
from sensor_parts import acted
from sensor_parts import instance as instance
from store_builders import NOON

from sensors.fingerprints import unlooked_files
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.fingerprints.assets import fingerprints, integrity
from supervisor_assets.fingerprints.checks import compared, decodes
from supervisor_assets.jobs import fingerprint_intake
from supervisor_assets.videos.assets import videos
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.checking import TASK as CHECK
from supervisor_core.pipeline.checking import check_integrity
from supervisor_core.pipeline.fingerprinting import TASK as LOOK
from supervisor_core.pipeline.fingerprinting import take_fingerprints
from supervisor_core.reasons import Reason
from supervisor_core.repair import Cause
from supervisor_core.states import Work
from supervisor_core.store import fingerprints as fingerprint_table
from supervisor_core.store import integrity as integrity_table
from supervisor_core.store import work
from supervisor_core.store.fingerprints import StoredFingerprint
from supervisor_core.store.integrity import Integrity
from supervisor_core.store.work import Task


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return Gallery(tmp_path)


def tick(gallery: Gallery, instance: dg.DagsterInstance) -> list[tuple[str, str]]:
    """The partitions that are asked for, with why."""
    resources = {"pipeline": acted(gallery)}
    with dg.build_sensor_context(instance=instance, resources=resources) as context:
        found: Any = unlooked_files(context)
    requests = getattr(found, "run_requests", None) or ()
    return [(str(one.partition_key), one.tags["supervisor/cause"]) for one in requests]


def run(gallery: Gallery, instance: dg.DagsterInstance, key: IntakeKey) -> tuple[Any, Any]:
    """Runs the job; the metadata of both assets, and what the checks say."""
    instance.add_dynamic_partitions("intake", [key])
    definitions = dg.Definitions(
        assets=[videos, cleaned_frames, integrity, fingerprints],
        asset_checks=[decodes, compared],
        jobs=[fingerprint_intake],
        resources={"pipeline": acted(gallery)},
    )
    job = definitions.resolve_job_def(fingerprint_intake.name)
    result = job.execute_in_process(instance=instance, partition_key=key)
    facts = {
        name: {fact: value.value for fact, value in made.metadata.items()}
        for name in ("integrity", "fingerprints")
        for made in result.asset_materializations_for_node(name)
    }
    return facts, {one.check_name: one for one in result.get_asset_check_evaluations()}


def test_files_are_asked_for_until_they_were_read_and_compared(
    gallery: Gallery, instance: dg.DagsterInstance
) -> None:
    assert tick(gallery, instance) == []
    first, second = gallery.hang(painted(0)), gallery.hang(painted(1))
    assert sorted(tick(gallery, instance)) == sorted([(first, "new"), (second, "new")])
    gallery.pipeline.do(check_integrity, first)
    assert len(tick(gallery, instance)) == 2
    gallery.pipeline.do(take_fingerprints, first)
    assert tick(gallery, instance) == [(second, "new")]


def test_the_job_tells_what_is_broken_and_what_looks_alike(
    gallery: Gallery, instance: dg.DagsterInstance
) -> None:
    key = gallery.hang(painted(0, 640, 480), scaled(painted(0, 640, 480), 0.5), painted(2))
    facts, checks = run(gallery, instance, key)
    assert (facts["integrity"]["files"], facts["integrity"]["broken"]) == (3, 0)
    assert (facts["fingerprints"]["taken"], facts["fingerprints"]["likenesses"]) == (3, 1)
    assert all(check.passed for check in checks.values())
    assert len(checks) == 2
    gallery.raw(key).unlink()
    gallery.clock.turn(181 * 86400)
    assert tick(gallery, instance) == []  # a run has just been
    facts, checks = run(gallery, instance, key)
    assert facts["integrity"]["broken"] == 1
    assert Reason.FILE_NOT_FOUND in facts["integrity"]["reasons"]
    assert not checks["decodes"].passed
    assert checks["decodes"].metadata["right"].value == 2
    assert checks["compared"].passed


def test_what_an_import_has_stored_is_only_compared(
    gallery: Gallery, instance: dg.DagsterInstance
) -> None:
    key = gallery.hang(painted(0))
    (media,) = gallery.media(key)
    with gallery.store.write() as connection:
        integrity_table.put(connection, [Integrity(media, media, gallery.clock(), frames=1)])
        row = StoredFingerprint(media, media, bytes(32), bytes([90]), NOON, mirrors=bytes(32))
        fingerprint_table.put(connection, [row])
    assert tick(gallery, instance) == [(key, "new")]
    facts, checks = run(gallery, instance, key)
    assert (facts["integrity"]["checked"], facts["fingerprints"]["taken"]) == (0, 0)
    assert all(check.passed for check in checks.values())


def test_a_profile_that_masks_is_looked_at_only_when_it_says_so(
    gallery: Gallery, instance: dg.DagsterInstance
) -> None:
    folder = gallery.home.root / "profiles"
    (folder / "quiet.toml").write_text('mask = "none"\nfingerprints = false\n')
    name = "a.png"
    gallery.place(name).write_bytes(gallery.raw(gallery.hang(painted(0))).read_bytes() + b" ")
    key = gallery.take_in(name, profile="quiet")
    assert key not in dict(tick(gallery, instance))
    facts, checks = run(gallery, instance, key)
    assert facts == {}
    assert checks == {}


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        (Work.WAITING, False),
        (Work.ERROR, False),
        (Work.DEAD, False),
        (Work.QUEUED, True),
    ],
)
def test_a_task_is_asked_for_when_it_is_open_and_due(
    gallery: Gallery, instance: dg.DagsterInstance, state: Work, asked: bool
) -> None:
    key = gallery.hang(painted(0))
    (media,) = gallery.media(key)
    keys = {CHECK: f"{media} ", LOOK: f"{media} pdq-1"}
    now = gallery.clock()
    tasks = [
        Task(
            media, task, now, now, state, Reason.TIMEOUT, 3,
            not_before=gallery.clock.time.replace(year=2030), key=rests_on,
        )
        for task, rests_on in keys.items()
    ]  # fmt: skip
    with gallery.store.write() as connection:
        work.save(connection, tasks, now)
    assert bool(tick(gallery, instance)) is asked
    with gallery.store.write() as connection:
        ended = [replace(one, key="another file", not_before=NOON) for one in tasks]
        work.save(connection, ended, now)
    assert tick(gallery, instance)


def test_what_is_merely_to_be_read_once_more_comes_last(
    gallery: Gallery, instance: dg.DagsterInstance
) -> None:
    key = gallery.hang(painted(0))
    gallery.pipeline.do(check_integrity, key)
    gallery.pipeline.do(take_fingerprints, key)
    gallery.clock.turn(179 * 86400)
    assert tick(gallery, instance) == []
    gallery.clock.turn(2 * 86400)
    assert tick(gallery, instance) == [(key, Cause.OLD_CODE)]
    gallery.pipeline.do(check_integrity, key)
    assert tick(gallery, instance) == []
