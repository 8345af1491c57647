"""The commands that look after the store itself, with their arguments and help."""

from pathlib import Path
from typing import Annotated

import typer

from supervisor_assets.cli.edge import Usage, edge
from supervisor_assets.cli.options import Json

care = typer.Typer()

# What `missing --json` prints when nothing came of it.
MISSING_NOTHING: dict[str, object] = {"files": [], "media": [], "applied": False}


@care.command()
def consistency(
    hashes: Annotated[
        bool, typer.Option("--hashes", help="Read every file whole and compare its hash.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look the store over against the files; exit 1 if anything does not fit. Changes nothing."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.care import look

        look(hashes=hashes, as_json=as_json)


@care.command()
def trace(
    key: Annotated[str, typer.Argument(metavar="MEDIA", help="A media: 16 hex digits or more.")],
    as_json: Json = False,
) -> None:
    """Show everything that happened to one media, with its times and reasons."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.care import trace as show

        show(key, as_json=as_json)


@care.command()
def prune(
    older_than_days: Annotated[
        float | None,
        typer.Option(min=0, help="Only what ended so many days ago; by default as set."),
    ] = None,
    runs: Annotated[
        bool, typer.Option("--runs", help="Runs on which nothing rests, instead of attempts.")
    ] = False,
    records: Annotated[
        bool, typer.Option("--records", help="Requests, scans, looks and trash, instead of these.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Remove them; else they are only counted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Count old attempts, runs or records on which nothing rests, or remove them."""
    with edge(as_json=as_json):
        if runs and records:
            raise Usage("--runs and --records are two things: choose one.")
        from supervisor_assets.cli import prune as start

        chosen = start.runs if runs else start.records if records else start.attempts
        chosen(older_than_days, apply=apply, as_json=as_json)


@care.command()
def backup(
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Another folder than SUPERVISOR_BACKUP_FOLDER; nothing goes."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Back up the store and what belongs to it; neither the key nor media (docs/backup.md)."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.backup import make

        make(to, as_json=as_json)


@care.command()
def restore(
    backup: Annotated[
        str, typer.Argument(metavar="BACKUP", help="A backup's folder or name, or: latest.")
    ],
    profile: Annotated[
        str | None,
        typer.Option(help="By which originals come in again that the backup does not know."),
    ] = None,
    without_identifiers: Annotated[
        bool,
        typer.Option("--without-identifiers", help="The key is lost: leave out what it opens."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read the backup and tell; change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of the store, which moves to trash/, and find later files again."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.backup import bring_back

        bring_back(
            backup,
            profile,
            dry_run=dry_run,
            identifiers=not without_identifiers,
            as_json=as_json,
        )


@care.command()
def alert(
    test: Annotated[
        bool, typer.Option("--test", help="Send a test message to everybody who is told.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what fails now and what could not be told; with --test, exit 1 if anybody is missed."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.alert import send_test, show

        if test:
            send_test(as_json=as_json)
        else:
            show(as_json=as_json)


@care.command()
def missing(
    older_than_days: Annotated[
        float, typer.Option(min=0, help="Only what scans have missed for so many days.")
    ] = 30.0,
    apply: Annotated[
        bool, typer.Option("--apply", help="Forget them; else they are only listed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List files that libraries have lost, or forget them; never more than half of a library."""
    with edge(as_json=as_json, blank=MISSING_NOTHING):
        from supervisor_assets.cli.care import missing as start

        start(older_than_days, apply=apply, as_json=as_json)
