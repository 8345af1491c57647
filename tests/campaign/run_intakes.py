"""One run over a home: takes in what lies in the inbox, then works on every intake there is.

    python run_intakes.py steps|job

`steps` calls the pipeline as the job's steps do, `job` runs the real job in this process. Settings
and faults come from the environment. Exit code 3 when the disk stood in the way.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a test finds its neighbours

from all_steps import take_through

from supervisor_core.deadline import Worker
from supervisor_core.home import Home
from supervisor_core.inbox.look import Memory, look
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.owners import this_process
from supervisor_core.store.rows import fetch

DISK = 3


def main() -> int:
    """Works on all intakes, once."""
    settings = Settings.load()
    home = settings.open_home()
    try:
        store = Store(home, settings)
        look(lambda: store, home, settings, Memory(), time.time())
        with store.read() as connection:
            rows = fetch(connection, "SELECT intake FROM intake ORDER BY intake")
        keys = [IntakeKey(str(row["intake"])) for row in rows]
        return run_job(home, keys) if sys.argv[1] == "job" else run_steps(store, home, keys)
    except Failed as failed:
        return failed_with(failed)
    except OSError:
        return DISK


def run_steps(store: Store, home: Home, keys: list[IntakeKey]) -> int:
    """What the job does, without Dagster."""
    codes = [0]
    with Worker(grace_s=0.2) as worker:
        work = Pipeline(store, home, Settings.load(), worker, this_process("campaign"))
        for key in keys:
            try:
                take_through(work, key)
            except Failed as failed:
                codes.append(failed_with(failed))
    return max(codes)


def run_job(home: Home, keys: list[IntakeKey]) -> int:
    """The real job, seen in the instance's own databases."""
    from supervisor_assets.definitions import definitions_for
    from supervisor_assets.instance import open_instance
    from supervisor_assets.jobs import clean_intake

    job = definitions_for(str(home.root)).resolve_job_def(clean_intake.name)
    with open_instance(home) as instance:
        for key in keys:
            instance.add_dynamic_partitions("intake", [key])
            job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False)
    return 0


def failed_with(failed: Failed) -> int:
    """The disk may stand in the way, and another run may be at it; nothing else may happen."""
    if failed.reason in (Reason.DISK_FULL, Reason.IO_ERROR):
        return DISK
    if failed.reason is Reason.LEASE_LOST:
        return 0
    raise failed


if __name__ == "__main__":
    sys.exit(main())
