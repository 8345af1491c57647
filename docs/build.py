"""Writes the parts of these pages that say what the code says; `python docs/build.py` renews them.

A test compares the pages with what this writes, so they can't drift apart.
"""

import re
from pathlib import Path

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from supervisor_core.reasons import Class, Reason
from supervisor_core.settings import Settings

FOLDER = Path(__file__).parent
MARKS = "<!-- settings -->\n", "<!-- end -->\n"
CLASSES = {
    Class.TRANSIENT: "may succeed later by itself; it is tried again",
    Class.PERMANENT: "lies in the file; trying again does not help",
    Class.CONFIG: "lies in the installation or its settings; somebody has to change something",
    Class.BUG: "is our mistake; report it",
}


def reasons_page() -> str:
    """The page of all reasons."""
    lines = [
        "# Reasons",
        "",
        "Every outcome that is not success has exactly one of these. This page is written from",
        "`supervisor_core/reasons.py` by `docs/build.py`.",
        "",
        "| class | the cause |",
        "|---|---|",
        *(f"| {kind.value} | {words} |" for kind, words in CLASSES.items()),
        "",
        "| reason | class | what it means | what to do |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{one.value}` | {one.class_.value} | {one.sentence} | {one.next_step} |"
        for one in sorted(Reason, key=lambda one: one.value)
    ]
    return "\n".join(lines) + "\n"


def settings_table() -> str:
    """The table of all settings."""
    lines = ["| variable | default | what it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(
            f"| `SUPERVISOR_{name.upper()}` | {_default(field.default)} | {_words(name)} |"
        )
    return "\n".join(lines) + "\n"


def with_settings(page: str) -> str:
    """The page with its table of settings made new."""
    start, end = MARKS
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: start + settings_table() + end, page)


def _default(value: object) -> str:
    if value is None or value is PydanticUndefined or isinstance(value, SecretStr):
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _words(name: str) -> str:
    return Settings.model_fields[name].description or ""


def main() -> None:
    """Writes the pages."""
    (FOLDER / "reasons.md").write_text(reasons_page(), "utf-8")
    page = FOLDER / "configure.md"
    page.write_text(with_settings(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
