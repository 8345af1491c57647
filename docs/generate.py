"""Writes the pages that are made from code: `python docs/generate.py`. A test compares them."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic_settings import BaseSettings

from supervisor_core.reasons import Class, Reason
from supervisor_core.settings import Settings

FOLDER = Path(__file__).parent

_CLASSES = {
    Class.TRANSIENT: "May pass by itself: tried again.",
    Class.PERMANENT: "Lies in the file: tried again only with another file, profile or version.",
    Class.CONFIG: "Lies in the installation: work waits until somebody mends it.",
    Class.BUG: "A mistake in the program.",
}


def reasons_page() -> str:
    """Every reason with its class, its sentence and the next step."""
    lines = [
        "# Reasons",
        "",
        "Every outcome that is not success has exactly one of these. This page is made from",
        "`supervisor_core/reasons.toml`.",
        "",
        "| class | what follows |",
        "|---|---|",
        *(f"| {name} | {text} |" for name, text in _CLASSES.items()),
        "",
        "| reason | class | what happened | next step |",
        "|---|---|---|---|",
        *(f"| `{r.value}` | {r.class_} | {r.sentence} | {r.next_step} |" for r in Reason),
    ]
    return "\n".join(lines) + "\n"


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


PAGES = {"reasons.md": reasons_page, "configure.md": settings_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
