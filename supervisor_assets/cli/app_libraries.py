"""The commands about libraries and what enriches them, with their arguments and help."""

from pathlib import Path
from typing import Annotated

import typer

from supervisor_assets.cli.edge import edge
from supervisor_assets.cli.options import Json

libraries = typer.Typer()

prompts = typer.Typer(
    no_args_is_help=True, help="The prompts that pictures of libraries were generated from."
)
libraries.add_typer(prompts, name="prompts")

# What `scan --json` prints when it did not come to look at the folder.
SCANNED_NOTHING: dict[str, object] = {
    "source": None,
    "entered": False,
    "listed": 0,
    "new": 0,
    "changed": 0,
    "moved": 0,
    "missing": 0,
    "back": 0,
    "unchanged": 0,
    "busy": 0,
    "other": 0,
    "unreadable": 0,
    "intakes": 0,
    "imported": False,
}


@libraries.command()
def scan(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The library's folder. Nothing in it is changed.")
    ],
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The name of a new library; else library, library-2..."),
    ] = None,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept", help="It is right that half of it is gone, or another folder is there."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be found; change nothing.")
    ] = False,
    later: Annotated[
        bool, typer.Option("--later", help="Only record what is new; a daemon imports it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look for new, changed, moved and missing files in a library; what is new is imported."""
    with edge(as_json=as_json, blank=SCANNED_NOTHING):
        from supervisor_assets.cli.scan import run as start

        start(path, source, accept=accept, dry_run=dry_run, later=later, as_json=as_json)


@prompts.command("rebuild")
def prompts_rebuild(
    limit: Annotated[
        int, typer.Option(min=1, help="How many pictures to read, newest first.")
    ] = 1_000_000_000,
    as_json: Json = False,
) -> None:
    """Read the prompts of pictures from their files again; what changes is kept as history."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.prompts import rebuild as start

        start(limit, as_json=as_json)


@libraries.command()
def enrich(
    mode: Annotated[
        list[str] | None,
        typer.Option(
            help="caption, title, prompt_eval, tags_normalize, quality, nsfw_classify,"
            " prompt_recon, embed, dupe_hints, several with commas, or all."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many media; newest first.")] = 0,
    since: Annotated[
        str, typer.Option(metavar="DATE", help="Only media that came in since then.")
    ] = "",
    missing: Annotated[
        bool, typer.Option("--missing", help="Only what has no result, as without --all.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what has a result; made again if it is outdated.")
    ] = False,
    media: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only this media (16 hex or more) or intake; repeatable."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Make it again on the same; with --delete, take it from a run."
        ),
    ] = False,
    minutes: Annotated[float, typer.Option(min=0, help="No item begins later.")] = 0.0,
    batch: Annotated[int, typer.Option(min=0, help="Items in hand at once; 0 adapts.")] = 0,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="End what waits or runs instead; also in a run.")
    ] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove results instead; a person's fields stay.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what is meant; change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask for captions, titles, tags, quality and more; see docs/enrichments.md."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.enrich import Wish
        from supervisor_assets.cli.enrich import run as start

        wish = Wish(
            modes=mode or [],
            media=media or [],
            limit=limit,
            since=since,
            missing=missing,
            everything=everything,
            force=force,
            cancel=cancel,
            delete=delete,
            minutes=minutes,
            batch=batch,
            dry_run=dry_run,
        )
        start(wish, as_json=as_json)


@libraries.command()
def enrichments(
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY...]", help="Show these intakes or media (16 hex or more)."),
    ] = None,
    mode: Annotated[str | None, typer.Option(help="Only this mode.")] = None,
    as_json: Json = False,
) -> None:
    """Show how the modes of enrichment stand, or what was found of single media."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.enrichments import run as start

        start(keys or [], mode, as_json=as_json)


@libraries.command()
def edit(
    media: Annotated[str, typer.Argument(metavar="MEDIA", help="A media, 16 hex or more.")],
    field: Annotated[
        str,
        typer.Argument(
            metavar="FIELD",
            help="caption, title, tags, collections, rating, quality, domain, nsfw, prompt"
            " or prompt_recon.",
        ),
    ],
    value: Annotated[
        str | None, typer.Argument(metavar="[VALUE]", help="Your word; tags with commas.")
    ] = None,
    unlock: Annotated[
        bool, typer.Option("--unlock", help="Let machines write the field again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a value of your own: no machine overwrites it, and the audit keeps what was there."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.edit import run as start

        start(media, field, value, unlock=unlock, as_json=as_json)
