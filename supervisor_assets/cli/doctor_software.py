"""The part of `doctor` that looks at what is installed."""

import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from supervisor_assets.cli import doctor_child
from supervisor_assets.cli.findings import Finding, State, fine, warning
from supervisor_core.deadline import Worker
from supervisor_core.reasons import Failed, Reason

PACKAGE = "supervisor-assets"
_TRY_S = 120.0
_SHOWN = 5


def system() -> Finding:
    """Only Linux has the means to end a child with everything that came from it."""
    said = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.platform != "linux":
        fix = "Run it on Linux: ending hung work needs prctl and /proc."
        return Finding("system", State.FAILED, said, fix, Reason.DEPENDENCY_MISSING)
    return fine("system", said)


def packages() -> Finding:
    """Everything that is required is there in a version that fits."""
    wanted = [Requirement(line) for line in requires(PACKAGE) or ()]
    needed = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = [name for one in needed if (name := _unfit(one))]
    if wrong:
        raise Failed(Reason.DEPENDENCY_MISSING, packages=" ".join(wrong))
    return fine("packages", f"{PACKAGE} {version(PACKAGE)} and {len(needed)} packages it needs")


def _unfit(wanted: Requirement) -> str:
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return wanted.name
    return "" if wanted.specifier.contains(found, prereleases=True) else f"{wanted.name}=={found}"


def opencv() -> Finding:
    """Two builds of OpenCV overwrite each other's files."""
    found = {one.metadata["Name"].lower() for one in distributions() if one.metadata["Name"]}
    builds = sorted(name for name in found if name.startswith("opencv"))
    if len(builds) > 1:
        fix = "Remove all of them, then run make setup again."
        return Finding("opencv", State.FAILED, ", ".join(builds), fix, Reason.DEPENDENCY_MISSING)
    return fine("opencv", ", ".join(builds))


def constraints() -> Finding:
    """What is installed is what was tested together, where the list of that is at hand."""
    path = Path(__file__).parents[2] / "constraints.txt"
    if not path.is_file():
        return fine("tested versions", "the list of them is not installed")
    return compared(path.read_text("utf-8").splitlines())


def compared(lines: Iterable[str]) -> Finding:
    """Compares what is installed with lines such as `duckdb==1.5.5`."""
    wanted = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    different = [name for one in wanted if "==" in (name := _unfit(one))]
    if different:
        fix = "Install those that were tested: pip install -e . -c constraints.txt"
        shown = ", ".join(different[:_SHOWN]) + (" ..." if len(different) > _SHOWN else "")
        return warning("tested versions", f"others are installed: {shown}", fix)
    return fine("tested versions", f"as tested, of {len(wanted)}")


def codecs(worker: Worker) -> Finding:
    """H.264 can be written, and all that uploads may be coded in can be read."""
    version, missing = worker.call(doctor_child.try_codecs, limit_s=_TRY_S)
    if missing:
        fix = "Install the wheel of PyAV, which brings its own FFmpeg: make setup"
        return warning("codecs", f"x264, libavcodec {version}; can't read {missing}", fix)
    return fine("codecs", f"x264, libavcodec {version}; reads {len(doctor_child.READ)} codecs")


def models(worker: Worker) -> Finding:
    """The networks that find and read text can be loaded and used."""
    return fine("text models", worker.call(doctor_child.try_models, limit_s=_TRY_S))
