"""Where measurements are written, for machines."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def write_results(name: str, rows: Any) -> Path:
    """Writes benchmarks/results/<name>.json with the machine and versions beside the rows."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    packages = ("av", "dagster", "duckdb", "onnxruntime", "opencv-python-headless", "rapidocr")
    content = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "versions": {package: version(package) for package in packages},
        "rows": rows,
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path
