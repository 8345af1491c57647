"""Every command with its arguments and their help; what they do is imported when they run."""

from pathlib import Path
from typing import Annotated

import typer

from supervisor_assets.cli.codes import MEANING
from supervisor_assets.cli.edge import edge

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

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]


def run() -> None:
    """Runs the command that was typed and ends the process."""
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
        from supervisor_assets.cli import clean as command

        command.run(source, output, device, profile, force=force, as_json=as_json)
