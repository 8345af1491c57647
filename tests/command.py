"""Runs the installed command as a user does, in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).parent / "supervisor-assets")
LIMIT_S = 150


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed on stdout, which is one JSON value and nothing else."""
        return json.loads(self.out)


def environment(home: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The test's own environment without any setting of ours, but this home and these settings."""
    ours = ("SUPERVISOR", "NO_COLOR", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"SUPERVISOR_HOME": str(home)} | dict(settings or {})


def start(
    *arguments: object, home: Path, cwd: Path | None = None, **settings: str
) -> "subprocess.Popen[str]":
    """Starts a command and returns at once."""
    return subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment(home, settings),
    )


def run(*arguments: object, home: Path, cwd: Path | None = None, **settings: str) -> Ran:
    """Runs a command to its end."""
    with start(*arguments, home=home, cwd=cwd, **settings) as process:
        out, err = process.communicate(timeout=LIMIT_S)
    return Ran(process.returncode, out, err)
