"""The part that holds our definitions and starts the runs: Dagster's code server, on a socket.

Its arguments: the socket, the module of the definitions, the level of what it logs. It beats only
while it answers over that socket, as its users ask it.
"""

import os
from pathlib import Path

from supervisor_assets.instance import RUN_LOG_LEVEL, prepare_dagster_home
from supervisor_assets.running import dagster_command
from supervisor_assets.running.asking import answers
from supervisor_assets.running.beats import Beat, begin
from supervisor_core.home import Home
from supervisor_core.settings import Settings


def main() -> None:
    """Runs until it is told to stop."""
    beats, (socket, module, level) = begin()
    prepare_dagster_home(Home(Settings.load().home))
    from dagster._cli.api import grpc_command

    if level != "info":
        os.environ[RUN_LOG_LEVEL] = level.upper()
    Path(socket).unlink(missing_ok=True)  # a former one may have been killed
    beats.go_on(lambda: Beat.READY if answers(socket) else None)
    where = ["--socket", socket, "--log-level", level, "--inject-env-vars-from-instance"]
    dagster_command.run(grpc_command, [*where, "-m", module, "--location-name", module])


if __name__ == "__main__":
    main()
