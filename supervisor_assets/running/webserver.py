"""The part that people see: Dagster's webserver with the guard round it.

Its arguments: the workspace, the code server's socket, the descriptor of the socket to listen on,
the levels of what Dagster and what the server log. The listening socket is the keeper's: while this
part is started again, browsers wait instead of being turned away, and nobody takes the port.
"""

import socket as sockets
from types import SimpleNamespace
from typing import Any, cast

from dagster_webserver import cli
from starlette.types import ASGIApp

from supervisor_assets.guard.asgi import Guard
from supervisor_assets.guard.rules import LONGEST_HEAD, Rules, hosts_of
from supervisor_assets.running import dagster_command
from supervisor_assets.running.asking import wait_for
from supervisor_assets.running.beats import Beats, begin
from supervisor_assets.running.quiet import leave_out_absence
from supervisor_core.serving import serve
from supervisor_core.settings import Settings


def main() -> None:
    """Runs until it is told to stop."""
    beats, (workspace, code_server, descriptor, dagster_level, level) = begin()
    listener = sockets.socket(fileno=int(descriptor))
    listener.set_inheritable(False)
    _listen_on(listener, beats)
    wait_for(code_server)
    if dagster_level != "info":
        leave_out_absence()
    levels = ["--dagster-log-level", dagster_level, "--log-level", level]
    port = str(listener.getsockname()[1])
    command = ["--workspace", workspace, "--port", port, *levels]
    dagster_command.run(cli.dagster_webserver, command)


def _listen_on(listener: sockets.socket, beats: Beats) -> None:
    """Has Dagster's own command serve on this socket, behind the guard."""
    settings = Settings.load()
    token = settings.ui_token.get_secret_value() if settings.ui_token else ""
    hosts = hosts_of(settings.ui_hosts.split(","))
    rules = Rules(listener.getsockname()[1], hosts, token)

    async def beat() -> None:
        beats.send()

    def run(app: Any, *, log_level: str, **_: object) -> None:
        guard = cast(ASGIApp, Guard(app, rules))
        serve(guard, listener, beat=beat, longest_head=LONGEST_HEAD, log_level=log_level)

    vars(cli)["uvicorn"] = SimpleNamespace(run=run)


if __name__ == "__main__":
    main()
