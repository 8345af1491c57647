"""`up` and what it means for `ingest`: one daemon a home, only on this machine, gone in the end."""

import json
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import dagster as dg
import httpx
import numpy as np
import psutil
import pytest
from command import run
from daemon import wait_for
from up_parts import READY_S, STOP_S, Running, answers, free_port, kill, until, up, works
from websockets import Origin, Subprotocol
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from resources.pipeline import WORKER_TAG
from supervisor_assets.cli.installation import daemon_runs
from supervisor_assets.failures import REASON_TAG
from supervisor_assets.instance import open_instance
from supervisor_core.home import Home
from supervisor_core.settings import Settings
from supervisor_core.store import Store

HANGING = {"SUPERVISOR_FAULT": "call.finished:hang:2"}  # the second call of a run masks
TOKEN = "a token of some length"
STARTED = dg.RunsFilter(job_name="clean_intake", statuses=[dg.DagsterRunStatus.STARTED])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """All of it, started in a folder that holds packages named as ours are."""
    root = tmp_path_factory.mktemp("up")
    for name in ("resources", "sensors"):
        (root / name).mkdir()
        (root / name / "__init__.py").write_text("raise ImportError('not this one')\n")
    with up(root, SUPERVISOR_PROFILES_FOLDER="mine") as running:
        yield running


def daemon_is_there(running: Running) -> bool:
    """What `doctor` says, which takes two seconds of the processor's time each time."""
    found = run("doctor", "--json", home=running.home).json
    return any(one["name"] == "daemon" and one["said"] == "running" for one in found)


def daemon_beats(running: Running) -> bool:
    with open_instance(Home(running.home)) as instance:
        return daemon_runs(instance)


def all_verified(running: Running) -> bool:
    with Store(Home(running.home), Settings(home=running.home)).read() as connection:
        found = connection.execute("SELECT verification FROM media").fetchall()
    return found == [("verified",)]


def test_it_listens_on_this_machine_only(running: Running) -> None:
    listening = {
        tuple(connection.laddr)
        for process in [psutil.Process(running.process.pid), *running.family()]
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    # The code server has no port at all, and the webserver no other than the guarded one.
    assert listening == {("127.0.0.1", running.port + above) for above in range(3)}


def test_runs_give_way_to_the_pages(running: Running) -> None:
    assert running.part("code_server").nice() == min(19, running.part("gallery").nice() + 10)


def test_a_second_one_on_the_same_home_is_busy(running: Running) -> None:
    ran = run("up", "--port", free_port(), home=running.home)
    assert (ran.code, ran.err.split(":")[0]) == (6, "ALREADY_RUNNING")


def test_a_port_that_is_taken_is_busy(running: Running, tmp_path: Path) -> None:
    ran = run("up", "--port", running.port, home=tmp_path / "home")
    assert (ran.code, ran.err.split(":")[0]) == (6, "PORT_IN_USE")


@pytest.mark.campaign
def test_ingest_leaves_the_work_to_the_daemon(running: Running, tmp_path: Path) -> None:
    assert until(lambda: daemon_beats(running), READY_S)
    assert daemon_is_there(running)
    pixels = np.full((64, 96, 3), 70, np.uint8)
    cv2.imwrite(str(tmp_path / "one.png"), pixels)
    ran = run("ingest", tmp_path / "one.png", "--json", home=running.home)
    assert ran.code == 0, ran.err
    [intake] = ran.json["queued"]
    assert until(lambda: all_verified(running), READY_S)
    assert run("status", intake, home=running.home).code == 0


@pytest.mark.campaign
def test_ingest_waits_when_it_is_told_to(running: Running, tmp_path: Path) -> None:
    pixels = np.full((64, 96, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "two.png"), pixels)
    ran = run("ingest", tmp_path / "two.png", "--wait", "--json", home=running.home)
    assert ran.code == 0, ran.err
    assert [one["verified"] for one in ran.json["files"]] == [True]


def health_of(running: Running) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port + 1}/health") as page:
            return page.status, json.load(page)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def parts_run(running: Running) -> bool:
    return all(one["state"] == "running" for one in health_of(running)[1]["parts"].values())


def ask(running: Running, query: str, **headers: str) -> httpx.Response:
    named = {"Origin": f"http://{running.address}"} | headers
    content = json.dumps({"query": query})
    kind = {"Content-Type": "application/json"} | named
    return httpx.post(f"http://{running.address}/graphql", content=content, headers=kind)


CHANGE = """mutation { freeConcurrencySlots(runId: "away") }"""


def test_the_pages_ask_dagster_through_the_guard(running: Running) -> None:
    seen = ask(
        running, "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
    )
    assert seen.json()["data"]["repositoriesOrError"]["nodes"] == [{"name": "__repository__"}]
    changed = ask(running, CHANGE)
    assert (changed.status_code, changed.json()) == (200, {"data": {"freeConcurrencySlots": True}})


def test_no_other_site_changes_anything(running: Running) -> None:
    address = f"http://{running.address}/graphql"
    got = httpx.get(address, params={"query": CHANGE})
    foreign = ask(running, CHANGE, Origin="http://evil.example")
    rebound = ask(running, CHANGE, Host="evil.example", Origin="http://evil.example")
    plain = ask(running, CHANGE, **{"Content-Type": "text/plain; application/json"})
    form = httpx.post(address, params={"query": CHANGE}, data={"a": "b"})
    answers_ = [got, foreign, rebound, plain, form]
    assert [one.status_code for one in answers_] == [405, 403, 421, 415, 403]
    assert not any("freeConcurrencySlots" in one.text for one in answers_)


def test_a_subscription_goes_through_the_guard(running: Running) -> None:
    def said(websocket: ClientConnection) -> dict[str, Any]:
        return json.loads(websocket.recv(20))

    def start(number: str, query: str) -> str:
        return json.dumps({"id": number, "type": "start", "payload": {"query": query}})

    with connect(
        f"ws://{running.address}/graphql",
        origin=Origin(f"http://{running.address}"),
        subprotocols=[Subprotocol("graphql-ws")],
    ) as websocket:
        websocket.send('{"type": "connection_init"}')
        assert said(websocket)["type"] == "connection_ack"
        websocket.send(start("1", "subscription { locationStateChangeEvents { __typename } }"))
        websocket.send(start("2", CHANGE))
        assert (refused := said(websocket))["type"] == "error", refused
        assert refused["id"] == "2"
        # The first one is still open: it tells when the code server becomes another.
        kill(running.part("code_server"))
        told = said(websocket)
        assert (told["id"], told["type"]) == ("1", "data")
    for origin in (None, Origin("http://evil.example")):
        with pytest.raises(InvalidStatus) as caught:
            connect(f"ws://{running.address}/graphql", origin=origin)
        assert caught.value.response.status_code == 403
    assert until(lambda: parts_run(running), READY_S)


@pytest.mark.campaign
def test_a_browser_shows_the_pages(running: Running, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or pytest.skip("no browser on this machine")
    (tmp_path / "profile").mkdir()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    options += ["--disable-background-networking", "--virtual-time-budget=20000", "--dump-dom"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,900"]
    address = f"http://{running.address}/assets/cleaned_frames"
    shown = subprocess.run(
        [browser, *options, address], capture_output=True, text=True, timeout=90, check=True
    ).stdout
    assert "cleaned_frames" in re.sub(r"<script.*?</script>", "", shown, flags=re.DOTALL)
    assert "Materialize" in shown


def test_a_run_goes_on_when_the_code_server_dies(running: Running) -> None:
    cv2.imwrite(str(running.home / "inbox" / "three.png"), np.full((64, 96, 3), 110, np.uint8))
    with open_instance(Home(running.home)) as instance:
        (before,) = wait_for(lambda: instance.get_runs(STARTED) or None, READY_S)
        kill(running.part("code_server"))
        kill(running.part("webserver"))
        assert until(lambda: answers(running.port), READY_S)
        after = wait_for(lambda: ended(instance, before.run_id), READY_S)
        assert after.status is dg.DagsterRunStatus.SUCCESS
    assert until(lambda: parts_run(running), READY_S)
    assert sorted(health_of(running)[1]["parts"]) == sorted(PARTS)


PARTS = ["code_server", "daemon", "gallery", "watchman", "webserver"]


def ended(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun | None:
    found = instance.get_run_by_id(run_id)
    return found if found.is_finished else None


def work_of(run_: dg.DagsterRun) -> list[psutil.Process]:
    """The process of a run with all that came from it."""
    worker = psutil.Process(int(re.search(r"/(\d+)\.", run_.tags[WORKER_TAG])[1]))
    return [worker, *worker.children(recursive=True)]


def working(instance: dg.DagsterInstance) -> dg.DagsterRun | None:
    """A run that has begun to mask."""
    for one in instance.get_runs(STARTED):
        begun = instance.all_logs(one.run_id, dg.DagsterEventType.STEP_START)
        if any("mask_every_frame" in str(event.step_key) for event in begun):
            return one
    return None


def masking(instance: dg.DagsterInstance, home: Path, film: Path, name: str) -> dg.DagsterRun:
    """A run that is masking this film, and will be for ever."""
    before = {one.run_id for one in instance.get_runs(STARTED)}
    shutil.copy(film, home / "inbox" / name)
    wait_for(lambda: any((home / "work").glob("*/output.part")) or None, READY_S)
    (found,) = [one for one in instance.get_runs(STARTED) if one.run_id not in before]
    return found


@pytest.mark.campaign
def test_it_stops_with_everything_it_started(running: Running, shared_data: Path) -> None:
    """The last test of these but one: it ends what the others use."""
    film = shared_data / "general" / "rotate90.mov"
    with open_instance(Home(running.home)) as instance:
        shutil.copy(film, running.home / "inbox" / "one.mov")
        under_way = wait_for(lambda: working(instance), READY_S, 0.02)
        family = running.family()
        assert set(work_of(under_way)) <= set(family)
        running.process.send_signal(signal.SIGTERM)
        assert until(lambda: running.part("daemon") is None, STOP_S)
        running.process.send_signal(signal.SIGINT)  # somebody has no patience
        assert running.process.wait(STOP_S) == 0
        assert [process for process in family if works(process)] == []
        # A run that had not come to its first step has no reason of its own.
        reason = ended(instance, under_way.run_id).tags.get(REASON_TAG, "CANCELLED")
        assert reason == "CANCELLED"
    assert not answers(running.port)
    assert not daemon_is_there(running)


def test_it_says_where_it_is_what_ended_and_nothing_else(running: Running) -> None:
    """Reads what all those before have made it print."""
    said = running.told()
    assert said[:5] == [
        f"Supervisor: http://127.0.0.1:{running.port}  (stop with Ctrl-C)",
        f"Health: http://127.0.0.1:{running.port + 1}/health",
        f"Gallery: http://127.0.0.1:{running.port + 2}",
        f"Sign in with the key in {running.home / 'gallery.key'}; make more with: gallery keys add",
        f"Drop files into {running.home / 'inbox'}",
    ]
    ended = [line for line in said if line.startswith("PART_ENDED: ")]
    assert sorted(line.partition("(")[2].partition(", wait_s=")[0] for line in ended) == [
        "how=signal 9, part=code_server",
        "how=signal 9, part=code_server",
        "how=signal 9, part=webserver",
    ]
    assert not any("Unreachable" in line for line in said)
    for secret in ("restricted.key", "gallery.key"):
        assert (running.home / secret).read_text().strip() not in "".join(said)


@pytest.fixture(scope="module")
def hanging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """All of it, where masking hangs and the pages ask for a token."""
    token = {"SUPERVISOR_UI_TOKEN": TOKEN}
    with up(tmp_path_factory.mktemp("hanging"), "--verbose", **HANGING, **token) as running:
        yield running


@pytest.mark.campaign
def test_the_token_is_asked_for_and_nobody_else_knows_it(hanging: Running) -> None:
    address = f"http://{hanging.address}/server_info"
    assert httpx.get(address).status_code == 401
    assert httpx.get(address, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    with httpx.Client(follow_redirects=True) as browser:
        opened = browser.get(f"http://{hanging.address}/runs", params={"token": TOKEN})
    assert (opened.status_code, opened.url.query) == (200, b"")
    knowing = {one.pid for one in hanging.family() if TOKEN in one.environ().values()}
    assert knowing == {hanging.part("webserver").pid}


@pytest.mark.campaign
def test_a_run_whose_code_server_is_another_can_be_stopped(
    hanging: Running, shared_data: Path
) -> None:
    film = shared_data / "general" / "rotate90.mov"
    with open_instance(Home(hanging.home)) as instance:
        under_way = masking(instance, hanging.home, film, "one.mov")
        work = work_of(under_way)
        former = kill(hanging.part("code_server"))
        assert until(lambda: parts_run(hanging) and hanging.part("code_server"), READY_S)
        assert hanging.part("code_server").pid != former
        assert all(works(process) for process in work)
        assert instance.run_launcher.terminate(under_way.run_id)
        after = wait_for(lambda: ended(instance, under_way.run_id), READY_S)
        assert after.status is dg.DagsterRunStatus.CANCELED
        assert until(lambda: not any(works(process) for process in work), STOP_S)


@pytest.mark.campaign
def test_when_it_is_killed_all_ends_with_it_and_verbose_shows_what_dagster_logs(
    hanging: Running, shared_data: Path, tmp_path: Path
) -> None:
    film = tmp_path / "other.mov"  # other bytes, the same pictures
    film.write_bytes((shared_data / "general" / "rotate90.mov").read_bytes() + b"\0\0\0\x08free")
    with open_instance(Home(hanging.home)) as instance:
        work = work_of(masking(instance, hanging.home, film, "two.mov"))
    family = hanging.family()
    assert set(work) <= set(family)
    hanging.process.kill()
    assert until(lambda: not any(works(one) for one in family), STOP_S)
    assert "INFO" in hanging.log.read_text()
    assert TOKEN not in hanging.log.read_text()
