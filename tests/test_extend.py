"""The examples of docs/extend.md, put where the page says, take effect."""

import json
import re
import threading
import time
from contextlib import nullcontext
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import cv2
import enrichment_parts
import numpy as np
import pytest
from command import run
from enrichment_parts import fill, media_of, put, result, shelf
from ollama_server import OllamaServer
from pipeline_parts import House
from store_builders import settings_for

from supervisor_assets.enrichments.assets import _asset
from supervisor_core.analysis.choosing import ChosenFrame
from supervisor_core.analysis.evidence import judge
from supervisor_core.analysis.kinds import hint_of
from supervisor_core.analysis.profiles import load_analysis
from supervisor_core.deadline import Worker
from supervisor_core.enrichment.modes import MODES, Mode
from supervisor_core.inbox.look import Memory, look
from supervisor_core.libraries.roots import load_roots
from supervisor_core.libraries.scanning import Wish, scan
from supervisor_core.media.policy import check_size, load_profile
from supervisor_core.notify import desk
from supervisor_core.notify.causes import Sign
from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.streams import load_streams
from supervisor_core.states import Work
from supervisor_core.store import Store, fields

PAGE = (Path(__file__).parents[1] / "docs" / "extend.md").read_text("utf-8")
FILES = dict(re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
server = enrichment_parts.server


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A home with every file of the page."""
    house = House(tmp_path)
    for name, text in FILES.items():
        path = house.home.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("/media", str(tmp_path / "media")), "utf-8")
    return house


def example(beginning: str, **known: Any) -> dict[str, Any]:
    """What a block of code defines."""
    (code,) = [one for one in CODE if beginning in one]
    names: dict[str, Any] = {"__name__": "example", **known}
    exec(compile(code, "extend.md", "exec"), names)
    return names


def test_every_block_of_the_page_is_used_here() -> None:
    assert set(FILES) == {
        "masks/tower_3.json",
        "profiles/room_3.toml",
        "libraries.toml",
        "streams.toml",
        "analyses/stroke/profile.toml",
        "analyses/stroke/prompt.txt",
        "analyses/stroke/schema.json",
        "enrichments/season.txt",
        "enrichments/season.json",
    }
    assert len(CODE) == 3


def test_a_device_and_a_profile_mask_all_but_the_picture(house: House, tmp_path: Path) -> None:
    drawn = np.full((400, 640, 3), 90, np.uint8)
    source, output = tmp_path / "in.png", tmp_path / "out.png"
    cv2.imwrite(str(source), drawn)
    ran = run("clean", source, "--output", output, "--profile", "room_3", home=house.home.root)
    assert ran.code == 0, ran.err
    cleaned = cv2.imread(str(output))
    assert cleaned is not None
    assert not cleaned[:, :160].any()
    assert not cleaned[:40].any()
    assert (cleaned[60:340, 180:460] == 90).all()


def test_a_profile_says_what_is_accepted_and_a_folder_of_the_inbox_uses_it(house: House) -> None:
    profile = load_profile("room_3", house.home.root / "profiles")
    with pytest.raises(Failed) as caught:
        check_size(2_000_000_001, profile)
    assert caught.value.reason is Reason.FILE_TOO_LARGE
    folder = house.home.inbox / "room_3"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"a picture")
    now_s, settings = time.time() + 60, house.settings
    (key,) = look(lambda: house.store, house.home, settings, Memory(), now_s).intakes
    with house.store.read() as connection:
        found = connection.execute("SELECT profile FROM intake WHERE intake = ?", [key]).fetchone()
    assert found == ("room_3",)


def test_a_library_is_scanned(house: House, tmp_path: Path) -> None:
    photos = tmp_path / "media" / "photos"
    photos.mkdir(parents=True)
    enrichment_parts.draw(photos / "boat.png", 1)
    (name, root), *_ = load_roots(house.home.root / "libraries.toml").items()
    report = scan(house.store, house.home, house.settings, name, root, Wish())
    assert (name, root.path, len(report.intakes)) == ("photos", photos, 1)


def test_a_stream_is_known_with_its_profile(house: House) -> None:
    stream = load_streams(house.home.root / "streams.toml")["room_3"]
    assert (stream.profile, stream.segment_length_s, stream.keep.days) == ("room_3", 1800, 30)


def test_an_analysis_profile_asks_and_judges(house: House) -> None:
    wanted = load_profile("room_3", house.home.root / "profiles").analysis or ""
    profile = load_analysis(wanted, house.home.root / "analyses")
    frame = ChosenFrame(50, 2.0, Path("00000050.jpg"), "0" * 64)
    assert "which stroke it is" in profile.prompt_for([frame])
    assert hint_of("Kraul_3.mp4", profile) == "crawl"
    said = {"value": 8, "frames": [1], "reason": None, "rationale": "even"}
    answer = {"kind": {**said, "value": "crawl"}, "rhythm": said}
    verdict = judge(json.dumps(answer), profile, [frame])
    assert (verdict.state, verdict.kind) == (Work.DONE, "crawl")


def test_an_enrichment_mode_is_asked_and_its_field_is_kept(
    tmp_path: Path, server: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = [one for one in CODE if one.startswith("Mode(")]
    mode = eval(row, {"Mode": Mode})
    monkeypatch.setitem(MODES, mode.name, mode)  # type: ignore[arg-type]
    shelved = shelf(tmp_path, server.url, "season")
    folder = shelved.home.root / "enrichments"
    folder.mkdir()
    for name in ("season.txt", "season.json"):
        (folder / name).write_text(FILES[f"enrichments/{name}"], "utf-8")
    server.answer = lambda one: fill(one.format, season="autumn")
    key = put(shelved, 1)
    (media,) = media_of(shelved, key)
    assert shelved.pipeline.enrich(key, "season", enrichment_parts.Order()).done == 1
    assert "time of the year" in server.asked[0].prompt
    found = result(shelved, media, "season")
    assert found is not None
    assert found.result == {"season": "autumn"}
    with shelved.store.read() as connection:
        assert fields.of(connection, [media])[media]["season"].value == "autumn"
    assert _asset(mode).key.path == ["enrichments", "season"]


def told(folder: Path, **changes: Any) -> Path:
    """Has a check fail and whoever is set be told of it; returns the home."""
    settings = settings_for(folder, alert_gather_s=0.0, alert_hosts="127.0.0.1", **changes)
    store = Store(settings.open_home(), settings)
    with Worker(grace_s=0.1) as worker:
        office = desk.Desk(store, settings, lambda: nullcontext(worker))
        subject = "check:cleaned_frames:timeout_rate"
        office.report([Sign(subject, "", "ERROR", store.now(), "r")], 1, {subject})
        assert office.deliver().sent == 1
    return settings.home


def test_a_receiver_beside_it_is_told(tmp_path: Path) -> None:
    relay = example("class Relay")["Relay"]
    relay.lines, relay.log_message = tmp_path / "pager.txt", lambda *_: None
    with HTTPServer(("127.0.0.1", 0), relay) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        told(tmp_path, alert_webhook_url=f"http://127.0.0.1:{listening.server_port}/")
        listening.shutdown()
    assert (tmp_path / "pager.txt").read_text() == "Supervisor: 1 fails\n"


def test_a_channel_of_your_own_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = example("class Spool")["Spool"]
    monkeypatch.setattr(desk, "channels_of", lambda settings: [spool(settings)])
    (file,) = (told(tmp_path) / "spool").iterdir()
    assert "supervisor-assets explain timeout_rate" in file.read_text()
