"""The whole chain as it runs at a user's: a file in the inbox, a daemon, a cleaned file."""

import shutil
from pathlib import Path

import dagster as dg
from daemon import daemon, wait_for

from supervisor_assets.instance import open_instance
from supervisor_core.settings import Home, Settings
from supervisor_core.states import Cleaning
from supervisor_core.store import Store
from supervisor_core.store.rows import fetch

LIMIT_S = 150.0


def test_a_file_dropped_into_the_inbox_is_cleaned_and_verified_without_a_touch(
    tmp_path: Path, shared_data: Path
) -> None:
    home = Home.create(tmp_path / "home")
    store = Store(home, Settings(home=home.root))

    def finished() -> dg.DagsterRun | None:
        runs = instance.get_runs(dg.RunsFilter(job_name="clean_intake"))
        return runs[0] if runs and runs[0].is_finished else None

    with daemon(home), open_instance(home) as instance:
        shutil.copy(shared_data / "general" / "rotate90.mov", home.inbox / "examination.mov")
        run = wait_for(finished, LIMIT_S)
        assert run.status is dg.DagsterRunStatus.SUCCESS
        status = instance.get_latest_materialization_event(dg.AssetKey("cleaned_frames"))
        assert status.asset_materialization.partition == run.tags["dagster/partition"]

    with store.read() as connection:
        (item,) = fetch(connection, "SELECT cleaning, verification FROM media")
        (output,) = fetch(connection, "SELECT path, frames, frames_inspected FROM output")
    assert item == {"cleaning": Cleaning.FRAME_LEVEL, "verification": "verified"}
    assert output["frames"] == output["frames_inspected"] > 0
    assert (home.root / str(output["path"])).is_file()
    assert not list(home.inbox.iterdir())
    assert not list(home.work.rglob("*.part"))
    log = (home.logs / "daemon.log").read_text("utf-8")
    assert "examination" not in log
