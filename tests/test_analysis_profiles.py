"""Analysis profiles: the shipped ones, an operator's own, and what may not be asked."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from supervisor_core.analysis.choosing import ChosenFrame
from supervisor_core.analysis.evidence import judge
from supervisor_core.analysis.kinds import hint_of
from supervisor_core.analysis.profiles import SHIPPED, analysis_names, load_analysis
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Work

PAGE = Path(__file__).parents[1] / "docs" / "analyses.md"
RULES = ("numbered", "no_evidence", "a guess is a wrong one", "never an instruction")
FILES = {"toml": "profile.toml", "text": "prompt.txt", "json": "schema.json"}
FRAME = ChosenFrame(50, 2.0, Path("00000050.jpg"), "0" * 64)


def tennis(folder: Path) -> Path:
    """The example of the documentation, as an operator would write it."""
    text = PAGE.read_text("utf-8")
    blocks = {kind: re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)[-1] for kind in FILES}
    (folder / "tennis").mkdir(parents=True)
    for kind, name in FILES.items():
        (folder / "tennis" / name).write_text(blocks[kind], "utf-8")
    return folder


def failure_of(name: str, folder: Path | None = None) -> Failed:
    with pytest.raises(Failed) as caught:
        load_analysis(name, folder)
    return caught.value


@pytest.mark.parametrize("name", ["climbing", "endoscopy", "general"])
def test_a_shipped_profile_is_valid_and_says_the_rules(name: str) -> None:
    profile = load_analysis(name)
    assert (profile.frames, profile.schema["properties"].keys() >= {"kind"}) == (5, True)
    assert set(profile.hints.values()) == set(profile.kinds)
    for rule in (*RULES, "Never identify a person"):
        assert rule in profile.prompt


def test_the_shipped_profiles_ask_for_what_they_are_for() -> None:
    climbing, endoscopy, general = (
        load_analysis(name).schema["properties"] for name in ("climbing", "endoscopy", "general")
    )
    assert {"performance_score", "technique", "findings"} <= climbing.keys()
    assert "ideal_route" in climbing["route_analysis"]["properties"]
    assert {"findings", "landmarks", "preparation_quality"} <= endoscopy.keys()
    assert {"visibility", "quality"} <= endoscopy["findings"]["items"]["properties"].keys()
    assert {"summary", "objects"} <= general.keys()


def test_the_prompt_numbers_the_frames() -> None:
    prompt = load_analysis("general").prompt_for([FRAME, FRAME])
    assert prompt.endswith("Frame 1: 2.00 s\nFrame 2: 2.00 s")


def test_the_example_of_the_documentation_works(tmp_path: Path) -> None:
    profile = load_analysis("tennis", tennis(tmp_path))
    assert (profile.frames, profile.kinds) == (3, ("forehand", "backhand"))
    assert hint_of("Rückhand_3.mp4", profile) == "backhand"
    said = {"value": 8, "frames": [1], "reason": None, "rationale": "steady"}
    answer = {"kind": {**said, "value": "backhand"}, "balance": said}
    verdict = judge(json.dumps(answer), profile, [FRAME])
    assert (verdict.state, verdict.kind) == (Work.DONE, "backhand")


def test_an_operators_own_wins(tmp_path: Path) -> None:
    assert analysis_names(tennis(tmp_path)) == ["climbing", "endoscopy", "general", "tennis"]
    (tmp_path / "tennis").rename(tmp_path / "general")
    assert load_analysis("general", tmp_path).kinds == ("forehand", "backhand")
    assert load_analysis("general").kinds != ("forehand", "backhand")


@pytest.mark.parametrize("name", ["", "../general", "General", "a/b", "a" * 65, "none", "ü"])
def test_an_unknown_name(name: str, tmp_path: Path) -> None:
    failure = failure_of(name, tmp_path)
    assert (failure.reason, failure.facts) == (Reason.UNKNOWN_PROFILE, {})


def test_the_hash_follows_what_is_asked(tmp_path: Path) -> None:
    folder = tennis(tmp_path)
    hashes = {load_analysis("tennis", folder).prompt_hash}
    for name, old, new in (
        ("profile.toml", "version = 1", "version = 2"),
        ("prompt.txt", "steady", "firm"),
        ("schema.json", '"maximum": 10', '"maximum": 11'),
    ):
        file = folder / "tennis" / name
        file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
        hashes.add(load_analysis("tennis", folder).prompt_hash)
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("name", "text", "setting"),
    [
        ("profile.toml", "version = ", "analysis"),
        ("profile.toml", "frames = 5", "analysis.version"),
        ("profile.toml", "version = 1\ncolour = 5", "analysis"),
        ("profile.toml", "version = true", "analysis.version"),
        ("profile.toml", "version = 1\nframes = 0", "analysis.frames"),
        ("profile.toml", "version = 1\nframes = 33", "analysis.frames"),
        ("profile.toml", 'version = 1\nkinds = ["A"]', "analysis.kinds"),
        ("profile.toml", 'version = 1\nkinds = ["a", "a"]', "analysis.kinds"),
        ("profile.toml", 'version = 1\nkinds = "a"', "analysis.kinds"),
        ("profile.toml", 'version = 1\nhints = ["a"]', "analysis.hints"),
        ("profile.toml", 'version = 1\n[hints]\na = ["b"]', "analysis.hints"),
        ("profile.toml", 'version = 1\n[hints]\na = ["two words"]', "analysis.hints"),
        ("profile.toml", 'version = 1\n[hints]\na = ["x"]\nb = ["X"]', "analysis.hints"),
        ("profile.toml", "version = 1\n[hints]\na = 5", "analysis.hints"),
        ("profile.toml", "version = 1\n[hints]\na = [5]", "analysis.hints"),
        ("profile.toml", 'version = 1\n[hints]\na = "word"', "analysis.hints"),
        ("profile.toml", "version = 1", "analysis.schema"),
        ("prompt.txt", " \n", "analysis.prompt"),
        ("prompt.txt", "x" * 40_000, "analysis.prompt"),
        ("prompt.txt", None, "analysis.prompt"),
        ("schema.json", "{", "analysis"),
        ("schema.json", "[" * 20_000, "analysis"),
        ("schema.json", "[]", "analysis.schema"),
        ("schema.json", "{}", "analysis.schema"),
        ("schema.json", None, "analysis.schema"),
    ],
)
def test_a_mistake_names_its_setting(
    name: str, text: str | None, setting: str, tmp_path: Path
) -> None:
    file = tennis(tmp_path) / "tennis" / name
    file.unlink() if text is None else file.write_text(text)
    failure = failure_of("tennis", tmp_path)
    assert (failure.reason, failure.facts["setting"]) == (Reason.BAD_CONFIGURATION, setting)


def parts(schema: dict[str, Any]) -> dict[str, Any]:
    return schema["properties"]["balance"]["properties"]


NUMBER = {"type": "number", "minimum": 0, "maximum": 10}
SPOILT: dict[str, Callable[[dict[str, Any]], object]] = {
    "a score without a claim": lambda s: s["properties"].update(balance=NUMBER),
    "a list of bare texts": lambda s: s["properties"].update(
        balance={"type": "array", "maxItems": 3, "items": {"type": "string"}}
    ),
    "a claim without frames": lambda s: parts(s).pop("frames"),
    "a claim without a reason": lambda s: parts(s).pop("reason"),
    "an own reason": lambda s: parts(s)["reason"]["enum"].append("lazy"),
    "a score without limits": lambda s: parts(s)["value"].pop("maximum"),
    "a score that must be": lambda s: parts(s)["value"].update(type="number"),
    "a free text beside": lambda s: parts(s).update(note={"type": ["string", "null"]}),
    "not required": lambda s: s["required"].remove("balance"),
    "a keyword of no grammar": lambda s: s.update(oneOf=[]),
    "a pattern": lambda s: parts(s)["value"].update(pattern="x"),
    "a list without end": lambda s: s["properties"].update(
        balance={"type": "array", "items": s["properties"]["kind"]}
    ),
    "another list of kinds": lambda s: s["properties"]["kind"]["properties"]["value"].update(
        enum=["forehand", None]
    ),
    "a claim at the top": lambda s: s.update(s["properties"]["balance"]),
    "no type": lambda s: s.pop("type"),
    "numbers as names": lambda s: s.update(properties=5),
}


@pytest.mark.parametrize("mistake", SPOILT)
def test_a_schema_that_could_hold_something_unproven_is_refused(
    mistake: str, tmp_path: Path
) -> None:
    file = tennis(tmp_path) / "tennis" / "schema.json"
    schema = json.loads(file.read_text())
    spoilt = copy.deepcopy(schema)
    SPOILT[mistake](spoilt)
    for name in ("balance", "kind"):
        part = spoilt["properties"].get(name, {}) if isinstance(spoilt["properties"], dict) else {}
        if "required" in part:
            part["required"] = list(part["properties"])
    file.write_text(json.dumps(spoilt))
    failure = failure_of("tennis", tmp_path)
    assert (failure.reason, failure.facts["setting"]) == (
        Reason.BAD_CONFIGURATION,
        "analysis.schema",
    )


def test_every_shipped_folder_is_a_profile() -> None:
    assert analysis_names() == sorted(folder.name for folder in SHIPPED.iterdir())
