"""The leak set's judge must see every leak it is shown, and nothing where nothing is left."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from leakset import draw, encoding, paint, paint_faint, pictures, run
from leakset import judge as judging
from leakset.correlation import NOTHING, REACH, Probe, windows
from leakset.draw import Case
from leakset.encoding import Encoding
from leakset.judge import Verdict, judge, leaks
from leakset.lettering import FONTS, Lettering, write
from leakset.truth import Clip, Truth
from supervisor_core import demo_clip

SIZE = (480, 272)
FRAMES = 20
Edit = Callable[[int, np.ndarray], np.ndarray]


@pytest.fixture(autouse=True)
def _drawn_footage_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEAKSET_FOOTAGE", str(tmp_path))


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Two lines that stand on all frames."""
    folder = tmp_path_factory.mktemp("inside")
    return Case("inside", "gradient", SIZE, paint.inside, count=FRAMES).write(folder)


def edited(clip: Clip, folder: Path, edit: Edit, skip: int = -1) -> Path:
    """The clip again after `edit(index, picture)`, without frame `skip`."""
    frames = [edit(i, p) for i, (_, p) in enumerate(pictures.upright(clip.path)) if i != skip]
    path = folder / "cleaned.mp4"
    encoding.write(path, frames, clip.truth.times_s[: len(frames)])
    return path


def covered(truth: Truth, *, only: Iterable[int] | None = None, from_column: float = 0.0) -> Edit:
    """Lays a black box over every mark, or over its part right of `from_column` (0..1)."""
    wanted = set(only) if only is not None else set(range(truth.frames))

    def edit(index: int, picture: np.ndarray) -> np.ndarray:
        for mark in truth.marks:
            if index in mark.shots and index in wanted:
                left, top, right, bottom = mark.box(index)
                left += round((right - left) * from_column)
                picture[max(0, top) : bottom, max(0, left) : right] = 0
        return picture

    return edit


def test_uncleaned_clip_leaks_on_every_frame(inside: Clip) -> None:
    verdict = judge(inside.truth, inside.path)
    assert verdict.leaked_frames == tuple(range(FRAMES))
    assert verdict.readable_frames == FRAMES
    assert not verdict.passed


def test_base_footage_is_clean(inside: Clip) -> None:
    assert judge(inside.truth, inside.truth.base_path).passed


def test_solid_boxes_are_clean(inside: Clip, tmp_path: Path) -> None:
    verdict = judge(inside.truth, edited(inside, tmp_path, covered(inside.truth)))
    assert verdict.leaked_frames == ()
    assert verdict.overmasked_fraction < 0.001
    assert verdict.passed


def test_one_open_frame_of_all_leaks(inside: Clip, tmp_path: Path) -> None:
    all_but_one = [i for i in range(FRAMES) if i != 13]
    cleaned = edited(inside, tmp_path, covered(inside.truth, only=all_but_one))
    assert judge(inside.truth, cleaned).leaked_frames == (13,)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_partly_covered_name_leaks(inside: Clip, tmp_path: Path, share: float) -> None:
    cleaned = edited(inside, tmp_path, covered(inside.truth, from_column=share))
    assert judge(inside.truth, cleaned).leaked_frames == tuple(range(FRAMES))


def test_upper_halves_of_letters_leak(inside: Clip, tmp_path: Path) -> None:
    def edit(index: int, picture: np.ndarray) -> np.ndarray:
        for mark in inside.truth.marks:
            left, top, right, bottom = mark.box(index)
            picture[(top + bottom) // 2 : bottom, left:right] = 0
        return picture

    assert judge(inside.truth, edited(inside, tmp_path, edit)).leaked_frames == tuple(range(FRAMES))


def test_light_blur_leaks_and_heavy_blur_does_not(inside: Clip, tmp_path: Path) -> None:
    height = min(mark.lettering.height for mark in inside.truth.marks)

    def blurred(share: float) -> Verdict:
        def edit(_: int, picture: np.ndarray) -> np.ndarray:
            return cv2.GaussianBlur(picture, (0, 0), share * height)

        return judge(inside.truth, edited(inside, tmp_path, edit))

    assert len(blurred(0.08).leaked_frames) == FRAMES
    assert blurred(1.5).leaked_frames == ()


def test_half_transparent_cover_leaks(inside: Clip, tmp_path: Path) -> None:
    def edit(_: int, picture: np.ndarray) -> np.ndarray:
        return (picture * 0.35 + 0.65 * 90).astype(np.uint8)

    assert len(judge(inside.truth, edited(inside, tmp_path, edit)).leaked_frames) == FRAMES


def test_letters_moved_by_a_pixel_leak(inside: Clip, tmp_path: Path) -> None:
    def edit(_: int, picture: np.ndarray) -> np.ndarray:
        return np.roll(picture, (1, -2), (0, 1))

    assert len(judge(inside.truth, edited(inside, tmp_path, edit)).leaked_frames) == FRAMES


def test_glints_shaped_like_the_letters_are_no_leak_but_the_letters_are() -> None:
    line = write("MEYER", FONTS[0], 26)
    probe, base = glinting(line)
    assert leaks(probe.trace(base))
    assert judging._against_base(probe, base, base) is NOTHING
    drawn = base.copy()
    rows, columns = line.ink.shape
    drawn[REACH : REACH + rows, REACH : REACH + columns] += 120 * line.ink
    assert leaks(judging._against_base(probe, drawn, base))


def glinting(line: Lettering) -> tuple[Probe, np.ndarray]:
    """Footage that shows the letters themselves, two pixels away from where they are drawn."""
    rows, columns = line.ink.shape
    base = np.random.default_rng(3).normal(90, 8, (rows + 2 * REACH, columns + 2 * REACH))
    base[:rows, :columns] += 16 * line.ink
    window = next(windows(line))
    seen = np.ones(line.ink.shape, bool)
    base = base.astype(np.float32)
    return Probe(window, line.ink, base, seen), base


def test_dropped_frame_is_told(inside: Clip, tmp_path: Path) -> None:
    verdict = judge(inside.truth, edited(inside, tmp_path, covered(inside.truth), skip=7))
    assert (verdict.frames, verdict.frames_expected) == (FRAMES - 1, FRAMES)
    assert not verdict.frames_equal
    assert not verdict.passed


def test_changed_timing_and_size_are_told(inside: Clip, tmp_path: Path) -> None:
    frames = [p for _, p in pictures.upright(inside.truth.base_path)]
    slow, small = tmp_path / "slow.mp4", tmp_path / "small.mp4"
    encoding.write(slow, frames, [i / 20 for i in range(FRAMES)])
    encoding.write(small, [f[::2, ::2] for f in frames], inside.truth.times_s)
    assert not judge(inside.truth, slow).times_equal
    assert not judge(inside.truth, small).size_equal


def test_other_streams_are_told(inside: Clip, tmp_path: Path) -> None:
    frames = [p for _, p in pictures.upright(inside.truth.base_path)]
    path = tmp_path / "more.mp4"
    encoding.write(path, frames, inside.truth.times_s, Encoding(companions=True))
    verdict = judge(inside.truth, path)
    assert verdict.stray_streams == 2
    assert not verdict.passed


HARD = {
    "moving": paint.moving((3, 1)),
    "turned_15": paint.turned(15),
    "turned_45": paint.turned(45),
    "turned_90": paint.turned(90),
    "turned_180": paint.turned(180),
    "small": paint.small(capital=False),
    "translucent": paint_faint.translucent(0.2),
    "low_contrast": paint_faint.low_contrast,
    "outlined": paint.outlined,
    "at_border": paint.at_border,
    "coloured": paint.coloured,
    "flash_last": paint.flash_at(-1),
}


@pytest.mark.campaign
@pytest.mark.parametrize("name", HARD)
def test_hard_text_is_seen_open_and_not_seen_covered(name: str, tmp_path: Path) -> None:
    clip = Case(name, "gradient", (640, 360), HARD[name], count=12).write(tmp_path)
    truth = clip.truth
    shown = tuple(sorted({index for mark in truth.marks for index in mark.shots}))
    assert judge(truth, clip.path).leaked_frames == shown
    assert judge(truth, edited(clip, tmp_path, covered(truth))).passed


def test_text_below_the_floor_is_faint_not_leaked(tmp_path: Path) -> None:
    clip = Case("faint", "dark", SIZE, paint_faint.faint_grey(3), count=5).write(tmp_path)
    verdict = judge(clip.truth, clip.path)
    assert verdict.leaked_frames == ()
    assert verdict.faint_frames == tuple(range(5))


def test_blacked_out_control_fails(tmp_path: Path) -> None:
    case = Case("control", "tissue", SIZE, paint.nothing, count=10, control=True)
    clip = case.write(tmp_path)

    def band(_: int, picture: np.ndarray) -> np.ndarray:
        picture[: SIZE[1] // 8] = 0
        return picture

    assert judge(clip.truth, edited(clip, tmp_path, lambda _, picture: picture)).passed
    verdict = judge(clip.truth, edited(clip, tmp_path, band))
    assert verdict.overmasked_fraction == pytest.approx(1 / 8, abs=0.02)
    assert not verdict.passed


def test_black_picture_is_no_cleaning(inside: Clip, tmp_path: Path) -> None:
    verdict = judge(inside.truth, edited(inside, tmp_path, lambda _, picture: picture * 0))
    assert verdict.leaked_frames == ()
    assert not verdict.passed


DRAWN = """
import sys
from pathlib import Path
from leakset import paint
from leakset.draw import Case
case = Case("same", "tissue", (480, 272), paint.panel, count=4, seed=int(sys.argv[2]))
clip = case.write(Path(sys.argv[1]))
print([mark.lettering.text for mark in clip.truth.marks])
"""


def test_a_seed_draws_the_same_twice_and_another_seed_differs(tmp_path: Path) -> None:
    def drawn(seed: int, memory: int) -> tuple[str, np.ndarray]:
        """What a process draws whose fresh memory is full of this byte's complement (glibc)."""
        folder = tmp_path / f"{seed}-{memory}"
        folder.mkdir()
        texts = subprocess.run(
            [sys.executable, "-c", DRAWN, folder, str(seed)],
            env=os.environ | {"MALLOC_PERTURB_": str(memory)},
            check=True, capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip
        (path,) = folder.glob("*.mp4")
        return texts, np.stack([p for _, p in pictures.upright(path)])

    first, again, other = drawn(1, 1), drawn(1, 254), drawn(2, 1)
    assert first[0] == again[0]
    assert np.array_equal(first[1], again[1])
    assert first[0] != other[0]


@pytest.mark.parametrize("font", [font for font in FONTS if font != "aileron"])
def test_fonts_write_umlauts_letter_by_letter(font: str) -> None:
    line = write("Überß 1", font, 28)
    assert len(line.spans) == 6
    assert all(0 <= a < b <= line.ink.shape[1] for a, b in line.spans)
    assert not np.array_equal(line.ink, write("Uberß 1", font, 28).ink)


def test_case_names_are_unique_and_two_controls_at_least() -> None:
    cases = draw.cases()
    assert len({case.name for case in cases}) == len(cases)
    assert sum(case.control for case in cases) >= 2


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (Encoding(".mkv"), SIZE),
        (Encoding(rotation=90), SIZE),
        (Encoding(rotation=180), SIZE),
        (Encoding(variable_rate=True), SIZE),
        (Encoding(pixel_format="yuv444p"), (319, 179)),
        (Encoding(pixel_format="yuv420p10le"), SIZE),
        (Encoding(".webm", "libvpx-vp9"), SIZE),
        (Encoding(codec="libx265"), SIZE),
        (Encoding(companions=True), SIZE),
    ],
)
def test_odd_files_are_what_they_say_and_can_be_judged(
    kind: Encoding, size: tuple[int, int], tmp_path: Path
) -> None:
    clip = Case("odd", "tissue", size, paint.digits, encoding=kind, count=8).write(tmp_path)
    read = list(pictures.upright(clip.path))
    assert [round(t, 2) for t, _ in read] == [round(t, 2) for t in clip.truth.times_s]
    assert read[0][1].shape[1::-1] == size
    with av.open(str(clip.path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == kind.pixel_format
    assert judge(clip.truth, clip.path).leaked_frames == tuple(range(8))


def test_judge_stands_alone() -> None:
    code = "import sys, leakset.judge, leakset.draw; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert not [name for name in loaded if name.split(".")[0] in ("supervisor_core", "rapidocr")]


def test_nothing_in_the_leak_set_imports_the_product() -> None:
    for path in Path(draw.__file__).parent.glob("*.py"):
        names = [
            name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", None) or "", *(a.name for a in node.names)]
        ]
        assert not [name for name in names if name.startswith("supervisor")]


COPY = """
import json, shutil, sys
source, output = sys.argv[1], sys.argv[3]
shutil.copy(source.replace(".mp4", ".base.mkv") if {cleans} else source, output)
print(json.dumps({{"level": "frame_level", "verified": True}}))
"""


@pytest.mark.parametrize(("cleans", "code"), [(True, 0), (False, 1)])
def test_campaign_fails_on_a_leak_and_passes_without(
    cleans: bool, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script, report = tmp_path / "cleaner.py", tmp_path / "report.json"
    script.write_text(COPY.format(cleans=cleans))
    command = f"{sys.executable} {script}"
    only = ["--only", "flash_last", "--only", "control_tissue"]
    assert run.main([*only, "--command", command, "--json", str(report)]) == code
    found = {case["case"]: case for case in json.loads(report.read_text())["cases"]}
    assert found["control_tissue"]["passed"]
    assert found["flash_last"]["passed"] is cleans
    assert found["flash_last"]["verdict"]["leaked_frames"] == ([] if cleans else [59])
    assert ("LEAK on 59" in capsys.readouterr().out) is not cleans


def test_campaign_fails_when_nothing_comes_out(tmp_path: Path) -> None:
    script = tmp_path / "cleaner.py"
    script.write_text('print(\'{"level": "raw_aside", "reason": "TIMEOUT"}\')')
    (tmp_path / "control_tissue.cleaned.mp4").touch()  # left by an earlier run
    command = f"{sys.executable} {script}"
    arguments = ["--only", "control_tissue", "--command", command, "--keep", str(tmp_path)]
    assert run.main(arguments) == 1


def test_campaign_refuses_unknown_cases_and_commands() -> None:
    with pytest.raises(SystemExit) as stop:
        run.main(["--only", "no_such_case"])
    assert stop.value.code == 2
    assert run.main(["--quick", "--command", "no-such-command clean"]) == 5


def test_demo_stills_are_pictures_with_identifiers(tmp_path: Path) -> None:
    truths = demo_clip.draw_demo_stills(tmp_path, 2)
    assert len({truth.path.read_bytes() for truth in truths}) == 2
    for truth in truths:
        assert cv2.imread(str(truth.path)).shape == (truth.height, truth.width, 3)
    assert demo_clip.FLASHED in truths[1].strings
