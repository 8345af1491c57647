"""The files of deploy/ parse, and name only what exists; a stop has the time that it takes."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command import COMMAND
from up_parts import free_port

from supervisor_assets.cli import health
from supervisor_assets.running import keeper
from supervisor_core.settings import Settings

ROOT = Path(__file__).parents[1]
UNIT = (ROOT / "deploy" / "supervisor.service").read_text("utf-8")
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
SETTINGS = {f"SUPERVISOR_{name.upper()}" for name in Settings.model_fields}
# What `up` takes at most: those who start work, then runs, then the rest, each killed in the end.
LONGEST_STOP_S = (
    keeper._PARTS_STOP_S + keeper._RUNS_STOP_S + keeper._REST_STOP_S + 2 * keeper._KILL_S
)


@pytest.mark.parametrize("text", [UNIT, DOCKERFILE, str(COMPOSE), PAGE])
def test_every_setting_that_is_named_exists(text: str) -> None:
    assert set(re.findall(r"SUPERVISOR_[A-Z0-9_]+", text)) <= SETTINGS


def unit(name: str) -> str:
    (value,) = re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)
    return value


def test_the_unit_is_one(tmp_path: Path) -> None:
    systemd = shutil.which("systemd-analyze") or pytest.skip("no systemd on this machine")
    here = tmp_path / "supervisor.service"
    here.write_text(UNIT.replace("/opt/supervisor/.venv/bin/supervisor-assets", COMMAND))
    command = [systemd, "verify", "--recursive-errors=no", str(here)]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_unit_gives_little_away_and_time_to_stop() -> None:
    for name, value in {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "CapabilityBoundingSet": "",
        "KillMode": "mixed",
        "OOMPolicy": "continue",
    }.items():
        assert unit(name) == value
    assert float(unit("TimeoutStopSec")) > LONGEST_STOP_S
    assert (
        float(COMPOSE["services"]["supervisor"]["stop_grace_period"].rstrip("s")) > LONGEST_STOP_S
    )


def test_the_command_of_the_unit_and_of_the_image_exists() -> None:
    shown = subprocess.run([COMMAND, "up", "--help"], capture_output=True, text=True, check=True)
    image = json.loads(re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[1])
    for words in (shlex.split(unit("ExecStart"))[1:], image):
        assert words[0] == "up"
        assert {word for word in words if word.startswith("--")} <= set(shown.stdout.split())


def test_the_image_is_built_from_files_that_are_here_on_a_base_that_stays() -> None:
    (base,) = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-[a-z-]+", base)
    for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources)
    assert "latest" not in DOCKERFILE + str(COMPOSE)


def test_the_compose_file_shares_no_port_and_asks_for_a_token() -> None:
    service = COMPOSE["services"]["supervisor"]
    assert service["network_mode"] == "host"
    assert "ports" not in service
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["environment"]["SUPERVISOR_UI_TOKEN"].startswith("${SUPERVISOR_UI_TOKEN:?")
    built = ROOT / "deploy" / service["build"]["context"]
    assert (built / service["build"]["dockerfile"]).resolve() == ROOT / "deploy" / "Dockerfile"


class Parts:
    """What the health page tells of parts of which one has ended so often."""

    def __init__(self, ended: int) -> None:
        self.told = {"daemon": {"state": "running", "ended": ended, "last_end": None}}
        self.works = ended < 3


@pytest.mark.parametrize(("ended", "code"), [(0, 0), (2, 0), (3, 1)])
def test_the_image_is_healthy_while_no_part_keeps_ending(
    ended: int, code: int, tmp_path: Path
) -> None:
    command = json.loads(re.search(r"HEALTHCHECK .*?CMD (\[.*?\])\n", DOCKERFILE, re.DOTALL)[1])
    settings, port = Settings(home=tmp_path / "home"), free_port()
    with health.served(settings.open_home(), settings, "127.0.0.1", port, Parts(ended)):
        asks = [sys.executable, *command[1:]]
        asks[-1] = asks[-1].replace("127.0.0.1:3001", f"127.0.0.1:{port}")
        assert subprocess.run(asks, timeout=30).returncode == code
