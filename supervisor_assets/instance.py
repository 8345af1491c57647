"""Dagster's own home: $SUPERVISOR_HOME/dagster, written from the shipped `dagster.yaml`.

The one place that turns private knobs of Dagster:

- Its sensor daemon sleeps five seconds between two looks, which alone would use up the time in
  which a dropped file should have started a run; the one for backfills sleeps half a minute.
- It keeps the record of every look that found nothing for a day at least, which at our pace would
  be hundreds of megabytes.
- What every run prints for its console can be set for a single job only, not for a person who has
  said `up` and wants to hear of trouble alone.
- It works out the states of checks so slowly that pages wait for minutes with thousands of intakes
  (`check_states`). Every process that opens the instance imports this module, the pages too.
"""

import logging
import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution import context_creation_job
from dagster._core.scheduler import DagsterDaemonScheduler
from dagster._core.scheduler.instigation import TickStatus

from supervisor_assets.check_states import gather_at_once
from supervisor_assets.pools import make_places
from supervisor_core.home import Home
from supervisor_core.media.files import publish
from supervisor_core.store.lock import FairLock
from supervisor_core.store.swap import finish_swap

SENSOR_LOOP_S = 0.5
BACKFILL_LOOP_S = 10
READY = "prepared_3"
"""The mark of a home whose databases and pools are made; another number has them made again."""
RUN_LOG_LEVEL = "SUPERVISOR_RUN_LOG_LEVEL"
"""The variable by which `up` says from which level on runs print what they log."""
_PREPARE_S = 60.0
_DAEMON = "dagster._daemon.sensor"
_BACKFILLS = "dagster._daemon.controller"
_SHIPPED = (Path(__file__).parent / "dagster.yaml", Path(__file__).parents[1] / "dagster.yaml")
_MARK = "# Written by Supervisor; a copy that was changed by hand stays as it is. "

# Where an asset is skipped, its checks are too, and with them what a blocking one holds back; and
# a new home has no old events.
_FALSE_ALARMS = {
    "dagster._core.execution.plan.active": "emitted no result in step",
    "dagster.daemon.EventLogConsumerDaemon": "No cursor for event type",
}


def _is_alarm(record: logging.LogRecord) -> bool:
    return not any(words in record.getMessage() for words in _FALSE_ALARMS.values())


def _console_loggers(_: dg.DagsterInstance | None = None) -> list[tuple[dg.LoggerDefinition, Any]]:
    """As Dagster's `default_system_loggers`, at the level that our variable names."""
    level = os.environ.get(RUN_LOG_LEVEL, "DEBUG")
    return [(dg.colored_console_logger, {"name": "dagster", "log_level": level})]


for _name in _FALSE_ALARMS:
    logging.getLogger(_name).addFilter(_is_alarm)
if RUN_LOG_LEVEL in os.environ:
    vars(context_creation_job)["default_system_loggers"] = _console_loggers
gather_at_once()


class PromptScheduler(DagsterDaemonScheduler):
    """Dagster's scheduler, which every daemon loads first and so can set its pace."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if _DAEMON in sys.modules:
            vars(sys.modules[_DAEMON])["MIN_INTERVAL_LOOP_TIME"] = SENSOR_LOOP_S
        if _BACKFILLS in sys.modules:
            vars(sys.modules[_BACKFILLS])["DEFAULT_DAEMON_INTERVAL_SECONDS"] = BACKFILL_LOOP_S


def prepare_dagster_home(home: Home) -> Path:
    """Makes the folder ready for any number of processes, and returns it.

    dagster.yaml is written where it is missing or as we last wrote it. Dagster's databases are made
    here, by one process: several that start together on an empty folder break them.
    """
    with FairLock(home.dagster, "prepare").hold(shared=False, wait_s=_PREPARE_S):
        finish_swap(home, _PREPARE_S)
        target = home.dagster / "dagster.yaml"
        if not target.exists() or _is_ours(target.read_text("utf-8")):
            _write(target, _shipped())
        ready = home.dagster / READY
        if not ready.exists():
            with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
                make_places(instance, os.cpu_count() or 2)
            ready.touch()
    return home.dagster


def open_instance(home: Home) -> dg.DagsterInstance:
    """The Dagster instance of a home; use it as a context manager."""
    return dg.DagsterInstance.from_config(str(prepare_dagster_home(home)))


def forget_idle_ticks(instance: dg.DagsterInstance, before_s: float) -> None:
    """Removes the records of sensor ticks before this time that had nothing to do."""
    if instance.schedule_storage is None:
        return
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        instance.purge_ticks(
            state.instigator_origin_id, state.selector_id, before_s, [TickStatus.SKIPPED]
        )


def _write(target: Path, text: str) -> None:
    if target.exists() and target.read_text("utf-8") == text:
        return
    part = target.with_name(f"{target.name}.part")
    part.write_text(text, "utf-8")
    publish(part, target)


def _shipped() -> str:
    body = next(path for path in _SHIPPED if path.exists()).read_text("utf-8")
    return f"{_MARK}{_digest(body)}\n{body}"


def _is_ours(text: str) -> bool:
    head, _, body = text.partition("\n")
    return head == _MARK + _digest(body)


def _digest(body: str) -> str:
    return sha256(body.encode()).hexdigest()
