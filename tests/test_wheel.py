"""The wheel holds everything that is not code, and works beside packages named as ours."""

import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from command import environment

ROOT = Path(__file__).parents[1]
PACKAGES = ("supervisor_core", "resources", "supervisor_assets", "sensors")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


def test_it_holds_all_files_of_the_packages(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and path.suffix not in (".pyc", ".part"):
                assert path.relative_to(ROOT).as_posix() in inside
    assert "supervisor_assets/dagster.yaml" in inside
    assert not any(name.startswith(("tests/", "leakset/", "benchmarks/")) for name in inside)


def test_it_cleans_in_a_folder_with_packages_of_the_same_name(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    elsewhere = tmp_path / "elsewhere"
    for name in ("resources", "sensors"):
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "__init__.py").write_text("raise ImportError('not this one')\n")
    picture = np.full((120, 300, 3), 60, np.uint8)
    cv2.putText(picture, "Erika M.", (10, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, 255, 255), 2)
    cv2.imwrite(str(elsewhere / "in.png"), picture)
    script = (
        "import supervisor_core, sys; from supervisor_assets.cli import main;"
        f"assert supervisor_core.__file__.startswith({str(installed)!r}); main()"
    )
    subprocess.run(
        [sys.executable, "-c", script, "clean", "in.png", "--output", "out.png"],
        check=True,
        cwd=elsewhere,
        env=environment(tmp_path / "home", {"PYTHONPATH": str(installed)}),
    )
    cleaned = cv2.imread(str(elsewhere / "out.png"))
    assert cleaned[40:62, 10:150].max() < 100
    assert not (tmp_path / "home").exists()
