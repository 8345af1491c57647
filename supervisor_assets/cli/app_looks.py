"""The commands about what pictures and films look like, with their arguments and help."""

from typing import Annotated

import typer

from supervisor_assets.cli.edge import edge
from supervisor_assets.cli.options import Json

looks = typer.Typer()


@looks.command()
def upscale(
    media: Annotated[
        list[str],
        typer.Argument(metavar="MEDIA...", help="Pictures (16 hex or more), or intakes of them."),
    ],
    scale: Annotated[
        float, typer.Option(min=1.1, max=8.0, help="How many times as wide and high.")
    ] = 2.0,
    as_json: Json = False,
) -> None:
    """Ask for larger pictures; while no daemon runs they are made here and now."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.upscale import run as start

        start(media, scale, as_json=as_json)


@looks.command()
def duplicates(
    media: Annotated[
        str, typer.Option(metavar="ID", help="Only groups with this media (16 hex) or intake.")
    ] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="How many groups to list; 20, or all as JSON.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List files that are the same or look alike, and clips in longer films; changes nothing."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.duplicates import run as start

        start(media, limit, as_json=as_json)
