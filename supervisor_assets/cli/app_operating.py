"""The commands that run the whole once more, with their arguments and help."""

from typing import Annotated

import typer

from supervisor_assets.cli.edge import edge
from supervisor_assets.cli.options import Json

operating = typer.Typer()


@operating.command()
def backfill(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="ASSET...|list|status ID|cancel ID",
            help="The assets to make again, or what to do with backfills that are there.",
        ),
    ],
    failed: Annotated[
        bool, typer.Option("--failed", help="What has ended without success (the default).")
    ] = False,
    level: Annotated[
        str, typer.Option(metavar="LEVEL,...", help="Files at raw_aside, roi_mask, frame_level.")
    ] = "",
    code: Annotated[
        str, typer.Option(metavar="REASON,...", help="Only what ended for these reasons.")
    ] = "",
    older_than_model: Annotated[
        bool,
        typer.Option(
            "--older-than-model",
            help="Results of another model, prompt or version of the code than there is now.",
        ),
    ] = False,
    changed_prompt: Annotated[
        bool, typer.Option("--changed-prompt", help="Results of another prompt than there is now.")
    ] = False,
    since: Annotated[
        str, typer.Option(metavar="DAY", help="Only what came in since, as 2026-05-04 (UTC).")
    ] = "",
    until: Annotated[
        str, typer.Option(metavar="DAY", help="Only what came in up to and on that day.")
    ] = "",
    intake: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Only this intake; may be repeated.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Everything in the range, also what is good.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also more than 1000 intakes, or everything by --force.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show how far it is until it ends; exit 1 if it failed.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be made again; change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make results again by backfills of Dagster: what failed, is outdated, or came in then."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.backfill import run as start
        from supervisor_assets.cli.backfill_choice import Order

        order = Order(
            failed=failed,
            level=level,
            code=code,
            older_than_model=older_than_model,
            changed_prompt=changed_prompt,
            since=since,
            until=until,
            intakes=tuple(intake or ()),
            force=force,
            yes=yes,
            dry_run=dry_run,
        )
        start(words, order, wait=wait, as_json=as_json)
