"""`clean`: a proven file at OUT or none, the original untouched, one object, one exit code."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from command import COMMAND, environment, run, start
from media_builders import write_dicom, write_video

from supervisor_assets.cli.app import CLEANED_NOTHING
from supervisor_core.media.kinds import Container, identify

NAME = "Erika Mustermann"
MEANING = {"reason", "message", "next_step"}
NO_TIME = {"SUPERVISOR_{}_BASE_S": "0.001", "SUPERVISOR_{}_RATE": "0"}


def picture(text: str = NAME, left: int = 30, size: float = 1.1) -> np.ndarray:
    """A grey picture of 480x320 with a line of text."""
    pixels = np.full((320, 480, 3), 70, np.uint8)
    cv2.putText(pixels, text, (left, 60), cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 2)
    return pixels


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("still") / "still.png"
    cv2.imwrite(str(path), picture())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_video(path, [picture()] * 4, metadata={"title": NAME})


def no_time(step: str) -> dict[str, str]:
    """Settings by which a step can't end in time."""
    return {name.format(step): value for name, value in NO_TIME.items()}


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_clip_comes_out_proven_and_the_original_stays(clip: Path, tmp_path: Path) -> None:
    before = clip.read_bytes()
    ran = run("clean", clip, "--output", tmp_path / "out.mp4", "--json", home=tmp_path / "home")
    assert (ran.code, ran.err) == (0, "")
    told = ran.json
    assert set(told) == set(CLEANED_NOTHING) | MEANING
    assert (told["level"], told["verified"], told["reason"]) == ("frame_level", True, None)
    assert told["frames"] == told["frames_inspected"] == 4
    assert told["regions"] >= 1
    assert 0 < told["coverage"] < 0.5
    assert told["output"] == str(tmp_path / "out.mp4")
    assert identify(tmp_path / "out.mp4") is Container.MP4
    assert NAME.encode() not in (tmp_path / "out.mp4").read_bytes()
    assert clip.read_bytes() == before
    assert left_in(tmp_path) == {"out.mp4"}


@pytest.mark.campaign
def test_a_still_for_a_person_names_the_file_on_stdout(still: Path, tmp_path: Path) -> None:
    ran = run("clean", still, "--output", tmp_path / "out.png", home=tmp_path / "home")
    assert ran.code == 0
    assert ran.out == f"{tmp_path / 'out.png'}\n"
    assert "verified at frame_level" in ran.err
    assert NAME not in ran.out + ran.err
    cleaned = cv2.imread(str(tmp_path / "out.png"))
    assert cleaned.shape == picture().shape
    assert cleaned[40:62, 40:300].max() < 200


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp4", b"", "FILE_EMPTY"),
        ("text.mp4", b"Befund: unauffaellig\n" * 40, "DISGUISED_FILE"),
        ("list.mp4", b"ffconcat version 1.0\nfile other.mp4\n", "DISGUISED_FILE"),
        ("noise.bin", bytes(range(256)) * 20, "UNSUPPORTED_CONTAINER"),
    ],
)
def test_what_is_no_media_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    out = tmp_path / "out.mp4"
    ran = run("clean", tmp_path / name, "--output", out, "--json", home=tmp_path / "home")
    assert ran.code == 4
    told = ran.json
    assert set(told) == set(CLEANED_NOTHING) | MEANING
    assert (told["level"], told["verified"], told["output"]) == (None, False, None)
    assert told["reason"] == reason
    assert ran.err.startswith(f"{reason}: ")
    assert "Next: " in ran.err
    assert left_in(tmp_path) == {name}


@pytest.mark.campaign
def test_links_pipes_and_missing_files_are_refused(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(clip)
    os.mkfifo(tmp_path / "pipe.mp4")
    wanted = {"link.mp4": "NOT_A_FILE", "pipe.mp4": "NOT_A_FILE", "gone.mp4": "FILE_NOT_FOUND"}
    for name, reason in wanted.items():
        out = tmp_path / "out.mp4"
        ran = run("clean", tmp_path / name, "--output", out, "--json", home=tmp_path / "home")
        assert (ran.code, ran.json["reason"]) == (4, reason)
    assert left_in(tmp_path) == {"link.mp4", "pipe.mp4"}


@pytest.mark.campaign
def test_a_name_is_only_a_name(clip: Path, tmp_path: Path) -> None:
    for name in ("-y.mp4", "http:%03d\n'\".mp4"):
        (tmp_path / name).write_bytes(clip.read_bytes())
        command = ("clean", "--output", "out.mp4", "--force", "--", name)
        ran = run(*command, home=tmp_path / "home", cwd=tmp_path)
        assert (ran.code, ran.out) == (0, f"{tmp_path / 'out.mp4'}\n"), ran.err


def test_the_second_level_helps_when_the_first_has_no_time(tmp_path: Path) -> None:
    panel, out = tmp_path / "panel.png", tmp_path / "out.png"
    cv2.imwrite(str(panel), picture("E. Muster", left=4, size=0.7))
    settings = no_time("FRAME_LEVEL")
    ran = run("clean", panel, "--output", out, "--json", home=tmp_path / "home", **settings)
    assert ran.code == 0
    told = ran.json
    assert (told["level"], told["verified"], told["reason"]) == ("roi_mask", True, "TIMEOUT")
    assert [attempt["reason"] for attempt in told["attempts"]] == ["TIMEOUT", None]
    assert out.is_file()


def test_what_no_level_can_clean_leaves_nothing(still: Path, tmp_path: Path) -> None:
    settings = no_time("FRAME_LEVEL") | no_time("ROI_MASK")
    out = tmp_path / "out.png"
    ran = run("clean", still, "--output", out, "--json", home=tmp_path / "home", **settings)
    assert ran.code == 4
    told = ran.json
    assert (told["level"], told["verified"], told["reason"]) == ("raw_aside", False, "TIMEOUT")
    assert (told["output"], told["sha256"]) == (None, None)
    assert left_in(tmp_path) == set()


def test_a_file_that_was_not_read_again_in_time_does_not_come_out(
    still: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    settings = no_time("VERIFY")
    ran = run("clean", still, "--output", out, "--json", home=tmp_path / "home", **settings)
    assert (ran.code, ran.json["reason"]) == (4, "VERIFICATION_TIMEOUT")
    assert ran.json["verified"] is False
    assert len(ran.json["attempts"]) == 1
    assert left_in(tmp_path) == set()


def test_out_is_not_overwritten_unless_it_is_said(still: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"mine")
    ran = run("clean", still, "--output", out, "--json", home=tmp_path / "home")
    assert (ran.code, ran.json["reason"]) == (2, "USAGE")
    assert set(ran.json) == set(CLEANED_NOTHING) | MEANING
    assert out.read_bytes() == b"mine"
    assert run("clean", still, "--output", out, "--force", home=tmp_path / "home").code == 0
    assert identify(out) is Container.PNG


@pytest.mark.campaign
def test_a_forced_out_never_keeps_what_was_not_proven(still: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(still.read_bytes())
    settings = no_time("FRAME_LEVEL") | no_time("ROI_MASK")
    ran = run("clean", still, "--output", out, "--force", home=tmp_path / "home", **settings)
    assert ran.code == 4
    assert not out.exists()


@pytest.mark.campaign
def test_in_is_never_overwritten_under_any_name(still: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    source.write_bytes(still.read_bytes())
    (tmp_path / "hard.png").hardlink_to(source)
    (tmp_path / "soft.png").symlink_to(source)
    for name in ("in.png", "hard.png", "soft.png"):
        ran = run("clean", source, "--output", tmp_path / name, "--force", home=tmp_path / "home")
        assert ran.code == 2, name
    assert source.read_bytes() == still.read_bytes()
    assert left_in(tmp_path) == {"in.png", "hard.png", "soft.png"}


@pytest.mark.campaign
def test_out_must_have_a_folder_and_a_suffix_of_its_kind(still: Path, tmp_path: Path) -> None:
    for name in ("nowhere/out.png", "out.mp4", "out.dcm"):
        ran = run("clean", still, "--output", tmp_path / name, home=tmp_path / "home")
        assert (ran.code, ran.out) == (2, ""), name
        assert ran.err.startswith("USAGE: ")
    assert left_in(tmp_path) == set()


@pytest.mark.campaign
def test_another_formats_suffix_of_the_same_kind_is_told(still: Path, tmp_path: Path) -> None:
    ran = run("clean", still, "--output", tmp_path / "out.jpg", "--json", home=tmp_path / "home")
    assert (ran.code, ran.json["format"]) == (0, "png")
    assert "PNG" in ran.err
    assert identify(tmp_path / "out.jpg") is Container.PNG


def test_a_cine_becomes_a_clip(tmp_path: Path) -> None:
    frames = np.stack([picture()] * 3)[:, :, :, ::-1]
    source = write_dicom(tmp_path / "cine.dcm", np.ascontiguousarray(frames))
    ran = run("clean", source, "--output", tmp_path / "out", "--json", home=tmp_path / "home")
    assert (ran.code, ran.json["format"], ran.json["frames"]) == (0, "mp4", 3)
    assert identify(tmp_path / "out") is Container.MP4


@pytest.mark.parametrize(
    ("option", "reason"),
    [("--device", "UNKNOWN_DEVICE"), ("--profile", "UNKNOWN_PROFILE")],
)
def test_a_device_or_profile_nobody_knows_is_wrong_usage(
    still: Path, tmp_path: Path, option: str, reason: str
) -> None:
    out = tmp_path / "out.png"
    ran = run("clean", still, "--output", out, option, "nobody", "--json", home=tmp_path / "home")
    assert (ran.code, ran.json["reason"]) == (2, reason)
    assert left_in(tmp_path) == set()


def test_an_own_profile_decides(still: Path, tmp_path: Path) -> None:
    profiles = tmp_path / "home" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "tiny.toml").write_text("max_bytes = 10\n")
    (profiles / "open.toml").write_text('mask = "none"\n')
    out = tmp_path / "out.png"
    for name, code, reason in (
        ("tiny", 4, "FILE_TOO_LARGE"),
        ("open", 2, "CLEANING_NOT_REQUIRED"),
    ):
        command = ("clean", still, "--output", out, "--profile", name, "--json")
        ran = run(*command, home=tmp_path / "home")
        assert (ran.code, ran.json["reason"]) == (code, reason)
    assert not out.exists()


def test_a_broken_setting_is_named(still: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    ran = run("clean", still, "--output", out, home=tmp_path, SUPERVISOR_GRACE_S="soon")
    assert ran.code == 1
    assert ran.err.startswith("BAD_CONFIGURATION: ")
    assert "grace_s" in ran.err


def until_staged(process: "subprocess.Popen[str]", folder: Path) -> Path:
    """Waits until the command works in its staging folder."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if found := list(folder.glob(".supervisor-clean-*/output.part")):
            return found[0].parent
        time.sleep(0.02)
    raise AssertionError(f"never staged: {process.communicate()}")


HANG = "call.finished:hang:2"  # the first call of the child looks, the second one cleans


@pytest.mark.campaign
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_nothing(still: Path, tmp_path: Path, number: int) -> None:
    command = ("clean", still, "--output", tmp_path / "out.png", "--json")
    with start(*command, home=tmp_path / "home", SUPERVISOR_FAULT=HANG) as process:
        until_staged(process, tmp_path)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert '"reason": "CANCELLED"' in out
    assert "Traceback" not in err
    assert left_in(tmp_path) == set()


@pytest.mark.campaign
def test_what_a_killed_run_left_is_swept_by_the_next(still: Path, tmp_path: Path) -> None:
    command = ("clean", still, "--output", tmp_path / "out.png")
    with start(*command, home=tmp_path / "home", SUPERVISOR_FAULT=HANG) as process:
        staged = until_staged(process, tmp_path)
        process.kill()
    assert staged.is_dir()
    assert not (tmp_path / "out.png").exists()
    assert run(*command, home=tmp_path / "home").code == 0
    assert left_in(tmp_path) == {"out.png"}


@pytest.mark.campaign
def test_it_needs_no_dagster_and_minds_no_package_of_the_same_name(
    still: Path, tmp_path: Path
) -> None:
    for name in ("dagster", "resources", "sensors"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('not this one')\n")
    settings = environment(tmp_path / "home", {"PYTHONPATH": str(tmp_path)})
    for command in ([COMMAND], [sys.executable, "-m", "supervisor_assets.cli"]):
        out = tmp_path / "out.png"
        arguments = ["clean", str(still), "--output", str(out), "--force"]
        subprocess.run([*command, *arguments], cwd=tmp_path, env=settings, check=True)
        assert identify(out) is Container.PNG


def test_help_loads_nothing_heavy() -> None:
    heavy = ("numpy", "cv2", "av", "onnxruntime", "duckdb", "dagster")
    lines = [
        "import sys, atexit",
        "sys.argv = ['supervisor-assets', 'clean', '--help']",
        f"loaded = lambda: [name for name in {heavy} if name in sys.modules]",
        "atexit.register(lambda: print(loaded(), file=sys.stderr))",
        "from supervisor_assets.cli import main; main()",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, text=True
    )
    assert done.stderr == "[]\n"
    assert "--output" in done.stdout
