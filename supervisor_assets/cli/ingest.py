"""`ingest`: copies files into the inbox, or names objects, and has them cleaned."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from time import time

import typer

from supervisor_assets.cli import copying, fates, pages, say
from supervisor_assets.cli.codes import Code, code_of
from supervisor_assets.cli.collect import Collector
from supervisor_assets.cli.elsewhere import Recorded, fetched, record_objects, sort_out
from supervisor_assets.cli.fates import Fate
from supervisor_assets.cli.installation import daemon_runs
from supervisor_assets.cli.runs import Runs, open_quiet_instance
from supervisor_core.home import Home
from supervisor_core.inbox.listing import list_inbox
from supervisor_core.inbox.plan import plan
from supervisor_core.keys import IntakeKey
from supervisor_core.media.policy import load_profile, profile_names
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.store import Store
from supervisor_core.store.arrivals import record_intakes
from supervisor_core.store.requests import Verb, ask

_WHO = "cli"


def run(words: Sequence[str], profile: str, *, wait: bool, as_json: bool) -> None:
    """Takes the files in; ends with exit code 3 when any of them is not verified."""
    settings = Settings.load()
    load_profile(profile, settings.profiles_folder or settings.home / "profiles")
    given = sort_out(words, settings.s3_bucket)
    home = settings.open_home()
    with _going_on(), say.progress("copying") as bar:
        store = Store(home, settings)
        with fetched(given.web, profile, home, settings) as more:
            collected = Collector().collect(given.here, more)
            if collected.left_out:
                say.note(f"Left out {collected.left_out} hidden or unfinished names.")
            place, copied = copying.deliver(collected.files, profile, home, settings, bar)
        inside = {f"{place}/{one.inside}": one.said for one in copied if not one.reason}
        in_storage, not_found = record_objects(store, home, settings, profile, given.objects)
        recorded = record(store, home, settings, inside) + in_storage
        uncopied = [fates.not_copied(one.said, one.reason) for one in copied if one.reason]
        refused = [*given.refused, *uncopied, *not_found]
        stuck = _work(recorded, home, store, bar, wait=wait)
    copying.remove_if_empty(home.inbox / place)
    if not as_json:
        pages.tell(home, settings, recorded.intakes)
    if stuck is None:
        _tell_queued(recorded, refused, as_json=as_json)
    else:
        _tell_done(store, recorded, refused, stuck, as_json=as_json)


@contextmanager
def _going_on() -> Iterator[None]:
    """Says what an interrupt leaves behind."""
    try:
        yield
    except KeyboardInterrupt:
        say.note("What was copied in stays recorded; go on with it by: supervisor-assets up")
        raise


def record(store: Store, home: Home, settings: Settings, words: Mapping[str, str]) -> Recorded:
    """Makes intakes of these files of the inbox, as the sensor would.

    `words` are what the user calls the files, by their path in the inbox.
    """
    entries = {
        name: entry for name, entry in list_inbox(home.inbox).entries.items() if entry.path in words
    }
    profiles = profile_names(settings.profiles_folder or home.root / "profiles")
    found = plan(entries, (), {}, time(), -inf, profiles=profiles, limit=len(entries))
    holders = record_intakes(store, found.intakes)
    by_path = {entry.path: name for name, entry in entries.items()}
    names = {by_path[path]: word for path, word in words.items() if path in by_path}
    return Recorded(sorted(holders), names)


def _work(
    recorded: Recorded, home: Home, store: Store, bar: say.Bar, *, wait: bool
) -> dict[IntakeKey, Reason] | None:
    """Runs the job for each intake, or leaves that to the daemon and returns None."""
    with open_quiet_instance(home) as instance:
        if wait or not daemon_runs(instance):
            return Runs(instance, store, home, bar).finish_all(recorded.intakes)
    with store.write() as connection:
        for key in recorded.intakes:
            ask(connection, Verb.INGEST, key, _WHO, store.now())
    return None


def read_fates(store: Store, recorded: Recorded) -> list[Fate]:
    """What became of every recorded file, in the order they were given in."""
    with store.read() as connection:
        found = [
            fate
            for key in recorded.intakes
            for fate in fates.of_intake(connection, key, recorded.names)
        ]
    place = {word: number for number, word in enumerate(recorded.names.values())}
    return sorted(found, key=lambda fate: place[fate.file])


def _tell_queued(recorded: Recorded, refused: list[Fate], *, as_json: bool) -> None:
    if as_json:
        told = {"queued": list(recorded.intakes), "files": [fate.told for fate in refused]}
        say.data_json(told)
    else:
        for key in recorded.intakes:
            say.data(key)
        if refused:
            fates.show(refused)
        say.note("The daemon cleans them now. See how far it is with: supervisor-assets status")
    if refused:
        raise typer.Exit(Code.NOT_VERIFIED)


def _tell_done(
    store: Store,
    recorded: Recorded,
    refused: list[Fate],
    stuck: dict[IntakeKey, Reason],
    *,
    as_json: bool,
) -> None:
    told = [*refused, *read_fates(store, recorded)]
    open_ones = [fate for fate in told if not fate.verified]
    if as_json:
        say.data_json(
            {
                "queued": [],
                "files": [fate.told for fate in told],
                "not_anonymized": len(open_ones),
                "stuck": {key: reason.value for key, reason in stuck.items()},
            }
        )
    else:
        fates.show(told)
    for key, reason in stuck.items():
        say.note(f"{key} did not come to its end: {reason}: {reason.sentence} {reason.next_step}")
    if stuck:
        raise typer.Exit(code_of(next(iter(stuck.values()))))
    if open_ones:
        raise typer.Exit(Code.NOT_VERIFIED)
