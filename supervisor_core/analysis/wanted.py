"""Which analysis the profiles of media ask for; light enough for a command that only counts."""

from pathlib import Path

from supervisor_core.media.policy import load_profile, profile_names
from supervisor_core.reasons import Failed


def task_of(profile: str) -> str:
    """The name of the task that analyses under an analysis profile."""
    return f"analysis/{profile}"


def analysis_tasks(folder: Path) -> dict[str, str]:
    """The task for each profile of media whose files are analysed; `folder` holds the operator's.

    One that can't be read is left out.
    """
    tasks = {}
    for name in profile_names(folder):
        try:
            analysis = load_profile(name, folder).analysis
        except Failed:
            continue
        if analysis is not None:
            tasks[name] = task_of(analysis)
    return tasks
