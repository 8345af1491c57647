"""The part that looks at sensors and schedules and starts what is queued: Dagster's daemon.

Its arguments: the workspace, the code server's socket, the level of what it logs. It watches its
own threads and ends when one of them hangs.
"""

import logging

from dagster._daemon.cli import run_command
from dagster._daemon.controller import DagsterDaemonController

from supervisor_assets.instance import open_instance
from supervisor_assets.running import dagster_command
from supervisor_assets.running.asking import wait_for
from supervisor_assets.running.beats import Beat, begin
from supervisor_assets.running.quiet import leave_out_absence
from supervisor_core.home import Home
from supervisor_core.settings import Settings


def main() -> None:
    """Runs until it is told to stop; from then on nobody takes it for running."""
    beats, (workspace, socket, level) = begin()
    wait_for(socket)
    beats.go_on(lambda: Beat.READY)
    if level != "info":
        leave_out_absence()
        _end_in_silence()
    try:
        dagster_command.run(run_command, ["--workspace", workspace, "--log-level", level])
    finally:
        with open_instance(Home(Settings.load().home)) as instance:
            instance.wipe_daemon_heartbeats()


def _end_in_silence() -> None:
    """Looks that are still under way when it stops fail, which would be told as errors."""
    watch = DagsterDaemonController.check_daemon_loop

    def watch_quietly(controller: DagsterDaemonController) -> None:
        try:
            watch(controller)
        except KeyboardInterrupt:
            logging.disable()
            raise

    type.__setattr__(DagsterDaemonController, "check_daemon_loop", watch_quietly)


if __name__ == "__main__":
    main()
