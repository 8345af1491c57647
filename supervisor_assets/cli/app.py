"""Every command with its arguments and their help; what they do is imported when they run."""

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from supervisor_assets.cli.app_care import care
from supervisor_assets.cli.app_gallery import pages
from supervisor_assets.cli.app_libraries import libraries
from supervisor_assets.cli.app_looks import looks
from supervisor_assets.cli.app_operating import operating
from supervisor_assets.cli.app_records import records
from supervisor_assets.cli.codes import MEANING
from supervisor_assets.cli.edge import edge
from supervisor_assets.cli.options import Json
from supervisor_core.keys import Retried

_CODES = ", ".join(f"{code.value} {meaning}" for code, meaning in MEANING.items())

app = typer.Typer(
    name="supervisor-assets",
    help="Takes in media, masks every readable name on every frame, and proves it.",
    epilog=f"Exit codes: {_CODES}.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


# What `clean --json` prints when it did not come to look at the file.
CLEANED_NOTHING: dict[str, object] = {
    "level": None,
    "verified": False,
    "frames": None,
    "frames_inspected": None,
    "regions": None,
    "coverage": None,
    "copied": None,
    "seconds": 0.0,
    "output": None,
    "format": None,
    "sha256": None,
    "attempts": [],
}


def run() -> None:
    """Runs the command that was typed and ends the process."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    app(prog_name="supervisor-assets")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("supervisor-assets"))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Takes in media, masks every readable name on every frame, and proves it."""


@app.command()
def clean(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="The video, still or DICOM file. Never changed.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="Where the cleaned file goes: MP4 for videos and cines, JPEG for JPEG, else PNG."
        ),
    ],
    device: Annotated[
        str | None, typer.Option(help="The device whose panel is masked on every frame.")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="The profile that says what is accepted and what is masked.")
    ] = "archive",
    force: Annotated[bool, typer.Option("--force", help="Replace a file at OUT.")] = False,
    as_json: Json = False,
) -> None:
    """Clean one file without any store: OUT appears only when it is proven clean."""
    with edge(as_json=as_json, blank=CLEANED_NOTHING):
        from supervisor_assets.cli.clean import run as start

        start(source, output, device, profile, force=force, as_json=as_json)


@app.command()
def ingest(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files and folders to copy into the inbox, s3://bucket/key or https://host/file.",
        ),
    ],
    profile: Annotated[
        str, typer.Option(help="The profile that says what is accepted and what is masked.")
    ] = "upload",
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Run the job here and now, as is done anyway when no daemon runs."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy files into the inbox and have them cleaned; the originals are never changed."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.ingest import run as start

        start(words, profile, wait=wait, as_json=as_json)


@app.command()
def status(
    intake: Annotated[
        str | None, typer.Argument(metavar="[INTAKE]", help="Show the files of this intake.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many intakes to list, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """Show what came in and how far it is; with INTAKE, exit 3 unless all of it is verified."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.status import run as start

        start(intake, limit, as_json=as_json)


@app.command()
def analyses(
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY...]", help="Show these intakes or media (16 hex or more) with all values."
        ),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Only what was asked under this analysis profile.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to list, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """Show what a model has said of each media, and what waits for it and why."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.analyses import run as start

        start(keys or [], profile, limit, as_json=as_json)


@app.command()
def health(as_json: Json = False) -> None:
    """Say whether the whole way works, as the last canary has seen it; exit 1 if it does not."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.health import run as start

        start(as_json=as_json)


@app.command()
def retry(
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY...]", help="Only these intakes or media (16 hex or more); else all."
        ),
    ] = None,
    code: Annotated[
        str, typer.Option(metavar="REASON", help="Only what ended for this reason.")
    ] = "",
    asset: Annotated[Retried | None, typer.Option(help="Only items of this asset.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be tried again; change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Try again what ended without success: failed analyses and copies, and files aside."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.retry import run as start

        start(keys or [], code, asset, dry_run=dry_run, as_json=as_json)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One or more SQL statements.")],
    as_json: Json = False,
) -> None:
    """Query the store. Read-only; what was read from pictures and file names are not in it."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.sql import run as start

        start(query, as_json=as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look at the installation and say what is wrong and how to put it right."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.doctor import run as start

        start(as_json=as_json)


@app.command()
def explain(
    word: Annotated[
        str | None,
        typer.Argument(metavar="[REASON]", help="A reason or a check; else all are listed."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a reason or a check means, why it happens and what to do about it."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.explain import run as start

        start(word, as_json=as_json)


@app.command()
def up(
    port: Annotated[
        int,
        typer.Option(
            min=1, max=65533, help="The webserver's port; health is one above, the gallery two."
        ),
    ] = 3000,
    home: Annotated[
        Path | None,
        typer.Option(help="The folder that holds everything; else SUPERVISOR_HOME says it."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show all that Dagster logs, not warnings only.")
    ] = False,
) -> None:
    """Run daemon, webserver and gallery (on 127.0.0.1 only) until Ctrl-C."""
    with edge():
        from supervisor_assets.cli.up import run as start

        start(port, home, verbose=verbose)


@app.command()
def demo(
    stay: Annotated[
        bool | None,
        typer.Option(
            "--stay/--no-stay", help="Serve the pages of that home afterwards; in a terminal yes."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show it all on an invented examination and some hostile files, in a throw-away home."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.demo import run as start

        start(stay=stay, as_json=as_json)


_PARTS = {
    "Recordings": records,
    "Libraries": libraries,
    "Pictures and films": looks,
    "Web pages": pages,
    "Care": care,
    "Operating": operating,
}
for _panel, _part in _PARTS.items():
    for _command in _part.registered_commands:
        _command.rich_help_panel = _panel
    for _group in _part.registered_groups:
        _group.rich_help_panel = _panel
    app.registered_commands += _part.registered_commands
    app.registered_groups += _part.registered_groups
