"""`up`: code server, daemon, webserver and gallery on this home, until somebody says stop.

Everything is started and kept by this one process. What listens, listens on 127.0.0.1 alone (the
gallery where SUPERVISORGALLERY_BIND says), and the guard stands before the webserver. When this
command ends, however it ends, nothing that it started lives on. What Dagster logs is shown from
warnings on: a line each second would hide the one that counts.
"""

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from supervisor_assets.cli import gallery, health, pages, say
from supervisor_assets.running.counting import counted
from supervisor_assets.running.keeper import Keeper
from supervisor_assets.running.part import Recipe
from supervisor_assets.running.publishing import Publishing, published
from supervisor_assets.running.watchman import MARK, end_all, others
from supervisor_core.home import Home
from supervisor_core.metrics.page import MetricsPage
from supervisor_core.reasons import Failed, Reason
from supervisor_core.settings import Settings
from supervisor_core.store.lock import hold_file

HOST = "127.0.0.1"
GALLERY = 2
"""Its port is so far above the webserver's."""
DEFINITIONS = "supervisor_assets.definitions"
_BACKLOG = 128
_LONGEST_PATH = 90  # of a socket: 107 with its name and a letter or two
_TOKEN = "SUPERVISOR_UI_TOKEN"  # noqa: S105 - its name


def run(port: int, home_folder: Path | None = None, *, verbose: bool = False) -> None:
    """Runs until it is interrupted; parts that end are started again."""
    if home_folder is not None:
        os.environ["SUPERVISOR_HOME"] = str(home_folder.absolute())
    settings = Settings.load()
    home = settings.open_home()
    with hold_file(home.dagster / "up.lock") as ours:
        if not ours:
            raise Failed(Reason.ALREADY_RUNNING)
        mark = _mark(home)
        with (
            _listener(port) as listener,
            gallery.listening(settings, port + GALLERY) as shown,
            _sockets(home) as sockets,
        ):
            if others(mark):
                end_all(mark)  # one that was killed a moment ago
            recipes = _recipes(home, (listener, shown), sockets, mark, verbose=verbose)
            keeper = Keeper(recipes, _tell, first_to_stop=("daemon", "webserver", "gallery"))
            url = f"http://{HOST}:{port}"
            with (
                published(home, settings) as copy,
                _told(home, settings, port, keeper, copy),
                pages.written(home, url),
            ):
                say.note(f"Supervisor: {url}  (stop with Ctrl-C)")
                say.note(f"Health: http://{HOST}:{port + 1}/health")
                gallery.tell(home, settings, port + GALLERY)
                say.note(f"Drop files into {say.shown(home.inbox)}")
                keeper.run()


def _recipes(
    home: Home,
    listeners: tuple[socket.socket, socket.socket],
    sockets: Path,
    mark: str,
    *,
    verbose: bool,
) -> list[Recipe]:
    server, workspace = str(sockets / "code"), str(sockets / "workspace.yaml")
    level, quieter = ("info", "info") if verbose else ("warning", "error")
    webserver, pictures = (listener.fileno() for listener in listeners)
    arguments = {
        "watchman": [mark],
        "code_server": [server, DEFINITIONS, level],
        "daemon": [workspace, server, level],
        "gallery": [str(pictures)],
        "webserver": [workspace, server, str(webserver), level, quieter],
    }
    held = {"webserver": (webserver,), "gallery": (pictures,)}
    give_way = {"code_server": Settings.load().runs_nice}  # it starts the runs
    return [
        Recipe(
            name=name,
            module=f"supervisor_assets.running.{name}",
            arguments=words,
            environment=_environment(home, mark, token=name == "webserver"),
            folder=home.dagster,  # where Python looks for modules, and finds none
            descriptors=held.get(name, ()),
            nice=give_way.get(name, 0),
        )
        for name, words in arguments.items()
    ]


def _environment(home: Home, mark: str, *, token: bool) -> dict[str, str]:
    """Settings that name files, made absolute: the parts run in another folder."""
    settings = Settings.load()
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    paths = {name: value for name, value in values.items() if isinstance(value, Path)}
    named = {f"SUPERVISOR_{name.upper()}": str(path.absolute()) for name, path in paths.items()}
    inherited = {name: value for name, value in os.environ.items() if token or name != _TOKEN}
    return (
        inherited
        | named
        | {
            "SUPERVISOR_HOME": str(home.root),
            "DAGSTER_HOME": str(home.dagster),
            "PYTHONWARNINGS": "ignore",
            MARK: mark,
        }
    )


@contextmanager
def _told(
    home: Home, settings: Settings, port: int, keeper: Keeper, copy: Publishing
) -> Iterator[None]:
    """Health and metrics, one port above the pages."""
    page = MetricsPage(home, settings, parts=keeper.states, copying=copy)
    served = health.served(home, settings, HOST, port + 1, keeper, copy, page.text)
    with counted(page), served:
        yield


def _tell(ended: Failed) -> None:
    with suppress(OSError):  # the terminal may be gone for long
        say.note(str(ended))


def _mark(home: Home) -> str:
    """The same for every `up` on this home, by whatever path."""
    found = home.root.stat()
    return f"{found.st_dev}.{found.st_ino}"


@contextmanager
def _listener(port: int) -> Iterator[socket.socket]:
    """The socket of the pages; raises `Failed(PORT_IN_USE)`."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(_BACKLOG)
        except OSError:
            raise Failed(Reason.PORT_IN_USE, port=port) from None
        yield listener


@contextmanager
def _sockets(home: Home) -> Iterator[Path]:
    """An owner-only folder for what the parts talk over, and where they find it."""
    folder = home.dagster / "sockets"
    with ExitStack() as stack:
        if len(os.fsencode(folder)) > _LONGEST_PATH:
            made = tempfile.TemporaryDirectory(prefix="supervisor-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(made))
        folder.mkdir(mode=0o700, exist_ok=True)
        server = {"socket": str(folder / "code"), "location_name": DEFINITIONS}
        workspace = json.dumps({"load_from": [{"grpc_server": server}]})
        (folder / "workspace.yaml").write_text(workspace, "utf-8")
        yield folder
