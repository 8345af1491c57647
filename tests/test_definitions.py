"""What is defined: assets, lineage, limits and checks, and what loading them touches."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from supervisor_assets import making
from supervisor_assets.cleaned_frames.assets import cleaned_frames
from supervisor_assets.definitions import definitions_for, defs
from supervisor_assets.jobs import clean_intake
from supervisor_assets.leftovers.checks import SPECS as LEFTOVERS
from supervisor_assets.making import HOLDS_TAG, Group
from supervisor_assets.rates.checks import SPECS as RATES
from supervisor_assets.thumbnails.assets import thumbnails
from supervisor_assets.videos.assets import videos
from supervisor_core.reasons import Failed
from supervisor_core.settings import Settings

SPECS = sorted(definitions_for("").resolve_all_asset_specs(), key=lambda spec: spec.key)
LADDER = ["mask_every_frame", "verify_every_frame", "mask_outside_region", "verify_region"]


def test_loading_the_definitions_touches_no_file_and_loads_nothing_native(tmp_path: Path) -> None:
    script = (
        "import sys, supervisor_assets.definitions as d; d.defs().get_repository_def()\n"
        "heavy = {'cv2', 'av', 'onnxruntime', 'rapidocr', 'numpy', 'PIL', 'pydicom'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "SUPERVISOR_HOME"}
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], check=True, cwd=tmp_path, env=environment
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key.to_user_string())
def test_an_asset_says_what_it_is_what_it_is_made_from_and_what_to_do_when_it_fails(
    spec: dg.AssetSpec,
) -> None:
    assert spec.group_name in set(Group)
    assert spec.owners == Settings.model_construct().owner_names
    assert spec.kinds
    assert spec.code_version
    what, made_from, fails = (spec.description or "").split("\n\n")
    assert len(what) > 60
    assert made_from.startswith("**Made from:** ")
    assert fails.startswith("**When it fails:** ")
    assert (spec.partitions_def is None) is (spec.key.to_user_string() == "canary")


def test_what_may_show_who_somebody_is_is_told_apart() -> None:
    raw = {spec.key.to_user_string() for spec in SPECS if spec.tags.get(HOLDS_TAG) == "raw"}
    cleaned = {spec.key.to_user_string() for spec in SPECS if spec.tags.get(HOLDS_TAG) == "cleaned"}
    assert raw == {"recordings", "videos"}
    assert raw | cleaned | {"canary"} == {spec.key.to_user_string() for spec in SPECS}


def test_all_that_has_a_page_of_its_own_says_what_it_does() -> None:
    repository = defs().get_repository_def()
    pages = [
        *(job for job in repository.get_all_jobs() if not job.name.startswith("__")),
        *repository.schedule_defs,
        *repository.sensor_defs,
    ]
    steps = {node.definition for job in repository.get_all_jobs() for node in job.nodes}
    assert not [one.name for one in [*pages, *steps] if len(one.description or "") < 20]
    graph = repository.asset_graph
    checks = [graph.get(key).description for key in graph.asset_check_keys]
    assert all(len(text or "") > 20 for text in checks)


def test_what_happens_by_the_clock_runs_from_the_start() -> None:
    schedules = defs().get_repository_def().schedule_defs
    assert {one.name: (one.job_name, one.cron_schedule) for one in schedules} == {
        "every_quarter_hour": ("watch", "*/15 * * * *"),
        "backup_every_night": ("back_up_store", "5 1 * * *"),
        "library_every_night": ("tidy_library", "40 2 * * *"),
        "store_every_night": ("look_over", "20 3 * * *"),
        "attempts_every_week": ("prune_attempts", "10 4 * * 0"),
        "records_every_night": ("prune_records", "50 4 * * *"),
    }
    assert {one.default_status for one in schedules} == {dg.DefaultScheduleStatus.RUNNING}


@pytest.mark.parametrize("owners", ["", "team:", "somebody", "team:a,", "a@b", "team:a b"])
def test_an_owner_that_dagster_would_refuse_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, owners: str
) -> None:
    monkeypatch.setenv("SUPERVISOR_OWNERS", owners)
    with pytest.raises(Failed) as caught:
        Settings.load()
    assert caught.value.facts == {"setting": "owners"}
    assert making.owners() == ["team:operators"]  # the pages are there all the same


def test_the_owners_are_those_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERVISOR_OWNERS", "team:night_shift, eve@clinic.example")
    found = making.owners()
    assert found == ["team:night_shift", "eve@clinic.example"]
    assert dg.AssetSpec("one", owners=found).owners == found


def test_lineage_runs_from_recordings_over_videos_and_cleaned_frames_to_what_hangs_below() -> None:
    graph = definitions_for("").resolve_asset_graph()
    children = {
        key.to_user_string(): {child.to_user_string() for child in graph.get(key).child_keys}
        for key in graph.get_all_asset_keys()
    }
    assert children == {
        "recordings": {"videos"},
        "videos": {"cleaned_frames"},
        "cleaned_frames": {
            "analyses",
            "bucket_copies",
            "fingerprints",
            "integrity",
            "library",
            "released_files",
            "thumbnails",
            "upscales",
        },
        "fingerprints": {"enrichments/dupe_hints"},
        "integrity": set(),
        "upscales": set(),
        "library": set(),
        "analyses": set(),
        "bucket_copies": set(),
        "released_files": set(),
        "canary": set(),
        "thumbnails": {
            f"enrichments/{name}"
            for name in (
                "caption",
                "title",
                "prompt_eval",
                "tags_normalize",
                "quality",
                "nsfw_classify",
            )
        },
        "enrichments/caption": {"enrichments/prompt_recon", "enrichments/embed"},
        "enrichments/title": {"enrichments/prompt_recon", "enrichments/embed"},
        "enrichments/tags_normalize": {"enrichments/prompt_recon", "enrichments/embed"},
        "enrichments/quality": {"enrichments/prompt_recon", "enrichments/embed"},
        "enrichments/prompt_eval": set(),
        "enrichments/nsfw_classify": set(),
        "enrichments/prompt_recon": {"enrichments/embed"},
        "enrichments/embed": {"enrichments/dupe_hints"},
        "enrichments/dupe_hints": set(),
    }


def test_every_step_that_works_declares_its_limit() -> None:
    nodes = {node.name: node for node in cleaned_frames.node_def.nodes}
    for name in LADDER:
        assert float(nodes[name].tags["supervisor/timeout_s"]) > 0
        assert float(nodes[name].tags["supervisor/timeout_s_per_media_s"]) > 0
        setting = nodes[name].tags["supervisor/timeout_setting"]
        assert setting.removeprefix("SUPERVISOR_").lower() in Settings.model_fields
    assert float(videos.op.tags["supervisor/timeout_s"]) > 0
    assert float(thumbnails.op.tags["supervisor/timeout_s"]) > 0


def test_three_checks_block_and_each_is_shown_by_itself() -> None:
    graph = defs().resolve_asset_graph()
    blocking = {key.name: graph.get(key).blocking for key in graph.asset_check_keys}
    standing = {spec.name for spec in (*RATES, *LEFTOVERS)}
    assert not any(blocking.pop(name) for name in standing)
    assert blocking == {
        "accepted": False,
        "decodable": False,
        "frame_count_matches": False,
        "no_residual_text": True,
        "no_stray_metadata": True,
        "anonymized": False,
        "consistent": False,
        "evidence": False,
        "service_level": False,
        "healthy": False,
        "copied": False,
        "exported": True,
        "compared": False,
        "decodes": False,
        "schema_valid_ratio": False,
        "degraded_ratio": False,
        "oldest_queued": False,
        "queue_idle": False,
        "coverage": False,
        "gaps": False,
        "segments_decode": False,
        "no_stuck_segment": False,
        "backed_up": False,
    }


def test_the_job_is_one_run_in_one_process() -> None:
    assert clean_intake.executor_def is dg.in_process_executor
