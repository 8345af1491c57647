"""The commands about the web pages, with their arguments and help."""

from typing import Annotated

import typer

from supervisor_assets.cli.edge import edge
from supervisor_assets.cli.options import Json

pages = typer.Typer()

gallery = typer.Typer(help="The web pages, and who may sign in to them.")
pages.add_typer(gallery, name="gallery")

keys = typer.Typer(no_args_is_help=True, help="Who may sign in to the pages, and as what.")
gallery.add_typer(keys, name="keys")


@gallery.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The pages' port.")] = 3002,
) -> None:
    """Serve the web pages alone until Ctrl-C (`up` serves them too), or say who may sign in."""
    if context.invoked_subcommand is not None:
        return
    with edge():
        from supervisor_assets.cli.gallery import run as start

        start(port)


@keys.command("list")
def keys_list(as_json: Json = False) -> None:
    """List who has a key, and the role; the keys themselves are kept nowhere."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.gallery_keys import show

        show(as_json=as_json)


@keys.command("add")
def keys_add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Whose it is: letters, digits, dots, hyphens.")
    ],
    role: Annotated[
        str,
        typer.Option(
            metavar="ROLE", help="viewer looks, reviewer decides and edits, admin runs the queue."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.gallery_keys import add

        add(name, role, as_json=as_json)


@keys.command("remove")
def keys_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key is taken away.")],
    as_json: Json = False,
) -> None:
    """Take a key away: its person can't sign in, and open sessions end at once."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.gallery_keys import remove

        remove(name, as_json=as_json)
