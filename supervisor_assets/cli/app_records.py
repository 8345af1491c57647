"""The commands about recordings of streams, with their arguments and help."""

from pathlib import Path
from typing import Annotated

import typer

from supervisor_assets.cli.edge import edge
from supervisor_assets.cli.options import Json

records = typer.Typer()

recordings = typer.Typer(
    no_args_is_help=True, help="The recorded sessions, and what lies about that belongs to none."
)
records.add_typer(recordings, name="recordings")

# What `record --json` prints when nothing came of it.
RECORDED_NOTHING: dict[str, object] = {"ended": None, "sources": 0, "segments": [], "gaps": []}

# What `recordings cleanup --json` prints when nothing came of it.
CLEANED_UP_NOTHING: dict[str, object] = {"orphans": [], "moved": 0}


@records.command()
def record(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="The stream: http(s)://...m3u8, hls://http... or httpstream://http...",
        ),
    ],
    duration: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds after which it ends; else with the stream."),
    ] = None,
    segment_length: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Seconds of media in one file; by default the setting, an hour."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that the files go to, in name order.")
    ] = Path("recording"),
    as_json: Json = False,
) -> None:
    """Record a live stream into a folder of files, and tell every second that is missing."""
    with edge(as_json=as_json, blank=RECORDED_NOTHING):
        from supervisor_assets.cli.record import run as start

        start(url, duration, segment_length, output, as_json=as_json)


@recordings.command("list")
def recordings_list(
    limit: Annotated[
        int, typer.Option(min=1, help="How many sessions to list, newest first.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """List the recorded sessions of all streams."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.recordings import show

        show(limit, as_json=as_json)


@recordings.command("stop")
def recordings_stop(
    which: Annotated[
        str, typer.Argument(metavar="SESSION|STREAM", help="A session's key, or a stream's name.")
    ],
    as_json: Json = False,
) -> None:
    """End a recording in good order; what was recorded is joined and handed over."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.recording_wishes import ask

        ask(which, "stop", as_json=as_json)


@recordings.command("cut")
def recordings_cut(
    which: Annotated[
        str, typer.Argument(metavar="SESSION|STREAM", help="A session's key, or a stream's name.")
    ],
    as_json: Json = False,
) -> None:
    """Begin a new segment at the next key frame; the recording goes on."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.recording_wishes import ask

        ask(which, "cut", as_json=as_json)


@recordings.command("cleanup")
def recordings_cleanup(
    apply: Annotated[
        bool, typer.Option("--apply", help="Move them to the trash; else they are only listed.")
    ] = False,
    older_than_days: Annotated[
        float, typer.Option(min=0, help="Only what was not changed for so many days.")
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """List what lies in the recordings and belongs to no session; never takes above half of all."""
    with edge(as_json=as_json, blank=CLEANED_UP_NOTHING):
        from supervisor_assets.cli.recordings import clean_up

        clean_up(older_than_days, apply=apply, as_json=as_json)
