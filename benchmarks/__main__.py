"""`make bench`: every measurement, one after the other, as tables and as JSON files."""

import subprocess
import sys

MODULES = (
    "benchmarks.cleaning",
    "benchmarks.hidden_words",
    "benchmarks.orchestration",
    "benchmarks.localize",
    "benchmarks.analyses",
    "benchmarks.enrichments",
    "benchmarks.recording",
    "benchmarks.duplicates",
    "benchmarks.library",
    "benchmarks.pages",
    "benchmarks.published",
    "benchmarks.gallery",
)


def main() -> int:
    """Runs each in a process of its own; returns how many failed."""
    return sum(bool(subprocess.run([sys.executable, "-m", name]).returncode) for name in MODULES)


if __name__ == "__main__":
    sys.exit(main())
