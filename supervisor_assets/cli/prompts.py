"""`prompts rebuild`: reads the prompts of pictures from their files again."""

from dataclasses import asdict

from supervisor_assets.cli import say
from supervisor_core.deadline import Worker
from supervisor_core.libraries.rebuilding import rebuild_prompts
from supervisor_core.pipeline.context import Context
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.owners import this_process


def rebuild(limit: int, *, as_json: bool) -> None:
    """Prints how many were read and how many have changed."""
    settings = Settings.load()
    home = settings.open_home()
    with say.progress("reading") as bar, Worker() as worker:
        context = Context(Store(home, settings), home, settings, worker, this_process("cli"))
        done = rebuild_prompts(context, limit, bar)
    if as_json:
        say.data_json(asdict(done))
        return
    say.table(("read", "changed", "failed"), [[done.read, done.changed, done.failed]])
    if done.failed:
        say.note(f"{done.failed} files are gone or have changed; a scan tells which.")
