"""`demo`: the real job on an invented examination and on hostile files, in a throw-away home.

In a terminal it stays afterwards: the pages of that home are served until Ctrl-C.
"""

import os
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import typer

from supervisor_assets.cli import demo_files, fates, say
from supervisor_assets.cli.codes import Code
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.fates import Fate
from supervisor_assets.cli.ingest import read_fates, record
from supervisor_assets.cli.runs import Runs, open_quiet_instance
from supervisor_core.deadline import Worker
from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.states import Arrival
from supervisor_core.store import Store

HOME_VARIABLE = "SUPERVISOR_DEMO_HOME"
_MARK = ".supervisor-demo"
_PICTURE_S = 60.0
_PORTS = 3000


@dataclass(frozen=True)
class Shown:
    """What the demo came to."""

    files: Sequence[Fate]
    picture: Path | None

    @property
    def as_expected(self) -> bool:
        """True when exactly what should come in did, and came out verified."""
        refused = {fate.file for fate in self.files if fate.state == Arrival.REFUSED}
        rest = [fate for fate in self.files if fate.file not in refused]
        return refused == set(demo_files.REFUSED) and all(fate.verified for fate in rest)


def run(*, stay: bool | None, as_json: bool) -> None:
    """Runs it all; ends with exit code 1 when anything comes out otherwise than it should.

    Then it serves the pages if it is to stay: by itself where somebody sits at a terminal.
    """
    root = _throw_away_home()
    say.note(f"A home to throw away: {say.shown(root)}")
    settings = Settings.load().model_copy(update={"home": root})
    with say.progress("drawing an examination") as bar:
        shown = _show(settings.open_home(), settings, bar)
    command = f"SUPERVISOR_HOME={shlex.quote(str(root))} {_this_command()} up"
    if as_json:
        say.data_json(
            {
                "home": str(root),
                "files": [fate.told for fate in shown.files],
                "picture": str(shown.picture) if shown.picture else None,
                "command": command,
                "as_expected": shown.as_expected,
            }
        )
    else:
        fates.show(shown.files)
        say.data(f"\nBefore and after: {shown.picture}")
        say.data(f"See it in the webserver and the gallery: {command}")
    if not shown.as_expected:
        say.note("This is not what should have come out: see the table.")
        raise typer.Exit(Code.FAILED)
    if stay or (stay is None and not as_json and sys.stdin.isatty() and sys.stdout.isatty()):
        _stay(settings.open_home())


def _stay(home: Home) -> None:
    """Serves the pages; the key of a home to throw away may be shown."""
    from supervisor_assets.cli import gallery, up

    port = _free_ports(_PORTS)
    key = gallery.begin_keys(home)
    say.data(f"Review and release it: http://{up.HOST}:{port + up.GALLERY}/review")
    if key is not None:
        say.data(f"Sign in with the key: {key.read_text('ascii').strip()}")
    say.data(f"What you release lies in {home.released} some seconds later.\n")
    up.run(port, home.root)


def _free_ports(first: int) -> int:
    """The first of three ports that nobody listens on."""
    for port in range(first, first + 1000, 10):
        with ExitStack() as stack:
            try:
                for one in range(port, port + 3):
                    stack.enter_context(socket.create_server(("127.0.0.1", one)))
            except OSError:
                continue
            return port
    raise Failed(Reason.PORT_IN_USE, port=first)


def _show(home: Home, settings: Settings, bar: say.Bar) -> Shown:
    originals = home.root / "drawn"
    originals.mkdir()
    words = demo_files.draw(originals, home.inbox)
    store = Store(home, settings)
    recorded = record(store, home, settings, words)
    with open_quiet_instance(home) as instance:
        Runs(instance, store, home, bar).finish_all(recorded.intakes)
    files = read_fates(store, recorded)
    clip = next(fate for fate in files if fate.file == demo_files.CLIP)
    if clip.output is None:
        return Shown(files, None)
    return Shown(files, _draw(home, originals / demo_files.CLIP, home.absolute(clip.output)))


def _draw(home: Home, before: Path, after: Path) -> Path:
    from supervisor_core.demo_clip import FLASH

    picture = home.root / "before-after.png"
    with Worker() as worker:
        worker.call(
            demo_files.side_by_side,
            before,
            after,
            FLASH[len(FLASH) // 2],
            picture,
            limit_s=_PICTURE_S,
        )
    return picture


def _throw_away_home() -> Path:
    """A new folder, or the one that is named: empty, or an earlier demo's, which is cleared."""
    named = os.environ.get(HOME_VARIABLE)
    root = Path(named).absolute() if named else Path(tempfile.mkdtemp(prefix="supervisor-demo-"))
    root.mkdir(parents=True, exist_ok=True)
    if (root / _MARK).is_file():
        shutil.rmtree(root)
        root.mkdir()
    elif any(root.iterdir()):
        raise Usage(f"{HOME_VARIABLE} names a folder that holds something else.")
    (root / _MARK).touch()
    return root


def _this_command() -> str:
    name = Path(sys.argv[0])
    if name.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m supervisor_assets.cli"
    return shlex.quote(str(name.absolute()))
