"""The floors of the house: each imports only downward, and the core knows no orchestrator."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ["supervisor_core", "resources", "supervisor_assets", "sensors"]
ROOF = ("supervisor_assets.definitions", "supervisor_assets.cli")


def modules() -> Iterator[tuple[str, Path]]:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(module: str, path: Path) -> set[str]:
    """Every absolute name that a module imports, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
            found.add(str(node.module))
    return found


def is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def floor_of(name: str) -> int | None:
    return next((level for level, floor in enumerate(FLOORS) if is_below(name, floor)), None)


ALL = list(modules())


@pytest.mark.parametrize(("module", "path"), ALL, ids=[module for module, _ in ALL])
def test_a_module_imports_only_downward(module: str, path: Path) -> None:
    own = floor_of(module)
    assert own is not None
    if any(is_below(module, roof) for roof in ROOF):
        return
    for name in imports(module, path):
        level = floor_of(name)
        assert level is None or level <= own, f"{module} imports {name} from a floor above"
        assert not any(is_below(name, roof) for roof in ROOF), f"{module} imports {name}"


def test_only_definitions_and_cli_know_the_sensors() -> None:
    users = {
        module
        for module, path in ALL
        if floor_of(module) != FLOORS.index("sensors")
        and any(is_below(name, "sensors") for name in imports(module, path))
    }
    assert "supervisor_assets.definitions" in users
    assert all(any(is_below(user, roof) for roof in ROOF) for user in users)


def test_the_gallery_stands_on_the_core_alone() -> None:
    for path in sorted((ROOT / "gallery").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        others = [one for one in imports(name, path) if floor_of(one) not in (None, 0)]
        assert not others, f"{name} imports {others}"
        assert not any(is_below(one, "dagster") for one in imports(name, path)), name


def test_only_the_command_line_and_its_parts_know_the_gallery() -> None:
    users = {
        module
        for module, path in ALL
        if any(is_below(name, "gallery") for name in imports(module, path))
    }
    rooms = ("supervisor_assets.cli", "supervisor_assets.running")
    assert all(any(is_below(user, room) for room in rooms) for user in users), users


def test_the_core_is_free_of_the_orchestrator() -> None:
    for module, path in ALL:
        if floor_of(module) == 0:
            assert not any(is_below(name, "dagster") for name in imports(module, path)), module


def test_importing_the_whole_core_loads_no_orchestrator() -> None:
    core = [module for module, _ in ALL if floor_of(module) == 0]
    lines = "\n".join(f"import {module}" for module in core)
    check = "import sys; assert not any(name.startswith('dagster') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", f"{lines}\n{check}"], check=True, cwd=ROOT)


def test_the_package_of_the_assets_is_empty() -> None:
    assert (ROOT / "supervisor_assets" / "__init__.py").read_text("utf-8").strip() == ""
