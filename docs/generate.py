"""Writes the pages that are made from code: `python docs/generate.py`. A test compares them."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic_settings import BaseSettings

from supervisor_core.reasons import Class, Reason
from supervisor_core.runbook.entries import Entry, Topic, entries
from supervisor_core.settings import Settings

FOLDER = Path(__file__).parent

_CLASSES = {
    Class.TRANSIENT: "May pass by itself: tried again.",
    Class.PERMANENT: "Lies in the file: tried again only with another file, profile or version.",
    Class.CONFIG: "Lies in the installation: work waits until somebody mends it.",
    Class.BUG: "A mistake in the program.",
}


_TOPICS = {
    Topic.IMPORT: "Taking files in",
    Topic.CLEANING: "Cleaning",
    Topic.MODEL: "The model server, analyses, enrichments",
    Topic.RECORDING: "Recording",
    Topic.LIBRARY: "Libraries and larger pictures",
    Topic.ELSEWHERE: "Buckets, web servers, alerts",
    Topic.GALLERY: "The gallery",
    Topic.RUNNING: "Running",
    Topic.DISK: "Disk and store",
    Topic.CHECKS: "Checks, and what else an alert names",
}


def reasons_page() -> str:
    """Every reason with its class, its sentence and the next step."""
    lines = [
        "# Reasons",
        "",
        "Every outcome that is not success has exactly one of these. The [runbook](runbook.md)",
        "says what one sees of it, why it happens and which command to begin with. This page is",
        "made from `supervisor_core/reasons.toml`.",
        "",
        "| class | what follows |",
        "|---|---|",
        *(f"| {name} | {text} |" for name, text in _CLASSES.items()),
        "",
        "| reason | class | what happened | next step |",
        "|---|---|---|---|",
        *(f"| {_link(r)} | {r.class_} | {r.sentence} | {r.next_step} |" for r in Reason),
    ]
    return "\n".join(lines) + "\n"


def _link(reason: Reason) -> str:
    return f"[`{reason.value}`](runbook.md#{reason.value.lower()})"


def runbook_page() -> str:
    """What is seen of every reason and check, why, and what to do, by what one is at."""
    lines = [
        "# Runbook",
        "",
        "What a person on call sees, why it is so, and the command to begin with. On the machine",
        "itself `supervisor-assets explain NAME` prints the same. This page is made from",
        "`supervisor_core/runbook/` and `supervisor_core/reasons.toml`. In the commands, `INTAKE`",
        "and `MEDIA` are keys that `supervisor-assets status` prints, and `REFUSED` is a file in",
        "`refused/` of the home, named by its intake. See also [operating](operate.md).",
        "",
        "| about | names |",
        "|---|---|",
    ]
    for topic, title in _TOPICS.items():
        links = " ".join(f"[`{one.name}`](#{one.name.lower()})" for one in _about(topic))
        lines.append(f"| {title} | {links} |")
    for topic, title in _TOPICS.items():
        lines += ["", f"## {title}"]
        for entry in _about(topic):
            lines += ["", *_entry(entry)]
    return "\n".join(lines) + "\n"


def _about(topic: Topic) -> list[Entry]:
    return [entry for entry in entries().values() if entry.topic is topic]


def _entry(entry: Entry) -> Iterator[str]:
    yield f"### {entry.name}"
    yield ""
    yield entry.sentence + (f" ({entry.class_})" if entry.class_ else "")
    yield ""
    yield f"- You see: {entry.symptom}"
    yield f"- Why: {entry.cause}"
    yield f"- Do: {entry.next_step}"
    yield ""
    yield "```"
    yield entry.command
    yield "```"


def settings_page() -> str:
    """Every setting with its default and its meaning, a table for each part of the house."""
    lines = [
        "# Settings",
        "",
        "Each is an environment variable; times are in seconds, sizes in bytes. This page is made",
        "from `supervisor_core/settings.py` and `supervisor_core/configured/`.",
        "",
        *_settings(Settings),
        "",
        "The limit of a step is its base, plus its rate for each second of media (more for",
        "pictures above 1280x720). At its limit the work is ended, and the next level begins.",
    ]
    for part in Settings.__bases__:
        if part is not BaseSettings:
            said = (part.__doc__ or "").strip().removesuffix(".")
            lines += ["", f"## {said}", "", *_settings(part)]
    return "\n".join(lines) + "\n"


def _settings(part: type[BaseModel]) -> Iterator[str]:
    yield "| variable | default | meaning |"
    yield "|---|---|---|"
    for name in vars(part)["__annotations__"]:
        if field := Settings.model_fields.get(name):
            default = "-" if field.default is None else f"`{field.default}`"
            yield f"| `SUPERVISOR_{name.upper()}` | {default} | {field.description} |"


PAGES = {"reasons.md": reasons_page, "configure.md": settings_page, "runbook.md": runbook_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
