"""`prune`: counts what is of long ago and on which nothing rests, and removes it when told."""

from contextlib import ExitStack
from dataclasses import asdict

from supervisor_assets.cli import say
from supervisor_assets.cli.care import opened_pipeline
from supervisor_assets.cli.installation import existing_home
from supervisor_core.care.pruning import prune
from supervisor_core.care.records import forget_records
from supervisor_core.clock import utc_now
from supervisor_core.settings import Settings

_DAY_S = 86_400.0


def attempts(older_than_days: float | None, *, apply: bool, as_json: bool) -> None:
    """Attempts and questions."""
    with ExitStack() as stack:
        work = opened_pipeline(stack)
        days = work.settings.attempts_kept_days if older_than_days is None else older_than_days
        pruned = work.do(prune, days * _DAY_S, dry_run=not apply)
    told = f"{pruned.attempts} attempts and {pruned.questions} questions"
    _tell(told, asdict(pruned), apply=apply, as_json=as_json)


def runs(older_than_days: float | None, *, apply: bool, as_json: bool) -> None:
    """Dagster's runs, all of them at once."""
    from supervisor_assets.instance import open_instance
    from supervisor_assets.retention.runs import remove_old_runs

    settings = Settings.load()
    days = settings.runs_kept_days if older_than_days is None else older_than_days
    before_s = utc_now().timestamp() - days * _DAY_S
    with open_instance(existing_home(settings)) as instance, say.progress("Removing runs"):
        gone = remove_old_runs(instance, before_s, dry_run=not apply)
    told = f"{gone.runs} runs (of the old ones, {gone.kept} are the last word on something)"
    _tell(told, asdict(gone), apply=apply, as_json=as_json)


def records(older_than_days: float | None, *, apply: bool, as_json: bool) -> None:
    """Requests, scans, looks, and what lies in trash where the settings say so."""
    with ExitStack() as stack:
        work = opened_pipeline(stack)
        gone = work.do(forget_records, older_than_days, dry_run=not apply)
    told = (
        f"{gone.requests} requests, {gone.scans} scans with {gone.events} findings, {gone.looks} "
        f"looks at the store and {gone.trash} entries of trash/"
    )
    _tell(told, asdict(gone), apply=apply, as_json=as_json)


def _tell(told: str, found: dict[str, object], *, apply: bool, as_json: bool) -> None:
    if as_json:
        say.data_json(found | {"applied": apply})
        return
    done = "were removed" if apply else "could go; nothing was changed (--apply removes them)"
    say.data(f"{told} {done}.")
