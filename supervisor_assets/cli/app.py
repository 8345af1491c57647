"""Every command with its arguments and their help; what they do is imported when they run."""

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from supervisor_assets.cli.app_care import care
from supervisor_assets.cli.app_looks import looks
from supervisor_assets.cli.codes import MEANING
from supervisor_assets.cli.edge import edge
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

recordings = typer.Typer(
    no_args_is_help=True, help="The recorded sessions, and what lies about that belongs to none."
)
app.add_typer(recordings, name="recordings")
app.registered_commands += care.registered_commands
app.registered_commands += looks.registered_commands

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

# What `record --json` prints when nothing came of it.
RECORDED_NOTHING: dict[str, object] = {"ended": None, "sources": 0, "segments": [], "gaps": []}

# What `recordings cleanup --json` prints when nothing came of it.
CLEANED_UP_NOTHING: dict[str, object] = {"orphans": [], "moved": 0}

prompts = typer.Typer(
    no_args_is_help=True, help="The prompts that pictures of libraries were generated from."
)
app.add_typer(prompts, name="prompts")

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
}

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]


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
    as_json: Json = False,
) -> None:
    """Look for new, changed, moved and missing files in a library; what is new is imported."""
    with edge(as_json=as_json, blank=SCANNED_NOTHING):
        from supervisor_assets.cli.scan import run as start

        start(path, source, accept=accept, dry_run=dry_run, as_json=as_json)


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


@app.command()
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


@app.command()
def edit(
    media: Annotated[str, typer.Argument(metavar="MEDIA", help="A media, 16 hex or more.")],
    field: Annotated[
        str,
        typer.Argument(
            metavar="FIELD",
            help="caption, title, tags, rating, quality, domain, nsfw, prompt or prompt_recon.",
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
def up(
    port: Annotated[
        int, typer.Option(min=1, max=65534, help="The webserver's port on this machine.")
    ] = 3000,
    home: Annotated[
        Path | None,
        typer.Option(help="The folder that holds everything; else SUPERVISOR_HOME says it."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show all that Dagster logs, not warnings only.")
    ] = False,
) -> None:
    """Run code server, daemon and webserver (on 127.0.0.1 only) until Ctrl-C."""
    with edge():
        from supervisor_assets.cli.up import run as start

        start(port, home, verbose=verbose)


@app.command()
def demo(as_json: Json = False) -> None:
    """Show it all on an invented examination and some hostile files, in a throw-away home."""
    with edge(as_json=as_json):
        from supervisor_assets.cli.demo import run as start

        start(as_json=as_json)
