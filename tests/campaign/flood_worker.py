"""One of several that drop files into an inbox and work on whatever is open there, all at once.

    python flood_worker.py NAME FILES

What is dropped is written down as `<name>.dropped` beside the home before anybody can take it. The
files say themselves what happens to them (pipeline_parts); store, folders and leases are real.
"""

import random
import sys
import time

from all_steps import take_through
from pipeline_parts import TOOLS, Inline

from supervisor_core.home import Home
from supervisor_core.inbox.look import Memory, look
from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline import Pipeline
from supervisor_core.reasons import Failed, Reason
from supervisor_core.repair import Cause
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.open_work import open_intakes
from supervisor_core.store.owners import this_process

SCRIPTS = ("", "", "with a name", "frame_level = DECODE_FAILED", "import = UNSUPPORTED_CODEC")


def main() -> None:
    """Drops, looks and works in turn until all its files are dropped and nothing is left open."""
    name, count = sys.argv[1], int(sys.argv[2])
    settings = Settings.load()
    home = settings.open_home()
    store = Store(home, settings)
    work = Pipeline(store, home, settings, Inline(), this_process(f"flood:{name}"), tools=TOOLS)
    shuffle = random.Random(name).shuffle
    for number in range(count):
        drop(home, name, number)
        if number % 4 == 3 or number == count - 1:
            look(lambda: store, home, settings, Memory(), time.time())
            keys = left(store)
            shuffle(keys)
            for key in keys:
                finish(work, key)


def drop(home: Home, name: str, number: int) -> None:
    """Puts a file into the inbox as a careful program does: complete, by one rename."""
    # Every third content is also dropped by the others.
    owner = "everybody" if number % 3 == 0 else name
    text = f"{owner} {number}\n{SCRIPTS[number % len(SCRIPTS)]}"
    suffix = "mp4" if number % 4 == 0 else "png"
    final = home.inbox / name / f"{number}.{suffix}"
    part = final.with_name(f"{final.name}.part")
    part.parent.mkdir(exist_ok=True)
    part.write_text(text)
    with (home.root.parent / f"{name}.dropped").open("a") as ledger:
        ledger.write(repr(text) + "\n")
    part.rename(final)


def left(store: Store) -> list[IntakeKey]:
    """The intakes in which the product itself sees something left to do."""
    with store.read() as connection:
        found = open_intakes(connection, time.time())
    return list(dict.fromkeys(one.intake for one in found if one.cause is Cause.UNFINISHED))


def finish(work: Pipeline, key: IntakeKey) -> None:
    """All steps of one intake, unless another is at it."""
    try:
        take_through(work, key)
    except Failed as failed:
        if failed.reason is not Reason.LEASE_LOST:
            raise


if __name__ == "__main__":
    main()
