"""`explain`: what a reason or a check means, for whoever has no browser at hand."""

from dataclasses import asdict
from typing import Any

from supervisor_assets.cli import say
from supervisor_assets.cli.edge import Usage
from supervisor_core.runbook.entries import Entry, entries, find, resembling


def run(word: str | None, *, as_json: bool) -> None:
    """Prints one entry of the runbook, or the names of all."""
    if word is None:
        _show_all(as_json=as_json)
        return
    entry = find(word)
    if entry is None:
        close = ", ".join(resembling(word))
        raise Usage(
            "No reason or check has this name." + (f" Do you mean {close}?" if close else "")
        )
    if as_json:
        say.data_json(_told(entry))
    else:
        _show(entry)


def _show_all(*, as_json: bool) -> None:
    if as_json:
        say.data_json([_told(entry) for entry in entries().values()])
        return
    rows = [(entry.name, entry.topic, entry.sentence) for entry in entries().values()]
    say.table(("name", "about", "what happened"), rows)


def _show(entry: Entry) -> None:
    kind = f" ({entry.class_})" if entry.class_ else ""
    say.data(f"{entry.name}{kind}: {entry.sentence}")
    say.data(f"You see:    {entry.symptom}")
    say.data(f"Why:        {entry.cause}")
    say.data(f"Do:         {entry.next_step}")
    say.data(f"Begin with: {entry.command}")
    say.data(f"More:       {entry.link}")


def _told(entry: Entry) -> dict[str, Any]:
    told = asdict(entry)
    return {"class" if name == "class_" else name: value for name, value in told.items()} | {
        "link": entry.link
    }
