"""The API: each verb does what it says, for whom it may, in the shapes that its description has."""

import json
import re
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from enrichment_parts import media_of
from gallery_parts import Browser
from jsonschema import Draft202012Validator
from queue_parts import Pages, Role, library, put, task

from gallery.api import schemas
from gallery.api.openapi import description
from gallery.api.operations import OPERATIONS
from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import work
from supervisor_core.store.lock import FairLock

NOBODY = "f" * 32


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    pages = Pages.over(library(tmp_path_factory.mktemp("api")))
    yield pages
    pages.close()


@pytest.fixture(scope="module")
def intake(pages: Pages) -> IntakeKey:
    key = put(pages.works, 1, 2, 3)
    pages.publish()
    return key


def ask(pages: Pages, role: Role, path: str, body: Any = None) -> tuple[int, Any]:
    """What a program is told; the shape of it is the one that the description has."""
    program = pages.program(role)
    answer = program.get(path) if body is None else program.post(path, json=body)
    told = answer.json()
    if answer.is_success:
        route = next(
            one
            for one in OPERATIONS
            if one.path.split("{")[0] == path.split("?")[0][: len(one.path.split("{")[0])]
            and one.path.count("/") == path.split("?")[0].count("/")
        )
        assert answer.status_code == route.status
        Draft202012Validator(route.answer).validate(told)
    else:
        Draft202012Validator(schemas.ERROR).validate(told)
        assert told["error"]["status"] == answer.status_code
    return answer.status_code, told


def test_a_job_is_asked_for_seen_and_cancelled(pages: Pages, intake: IntakeKey) -> None:
    body = {"modes": ["title", "caption"], "filters": {"media": [intake], "limit": 2}}
    status, told = ask(pages, Role.REVIEWER, "/api/enqueue", body)
    assert (status, told["items"]) == (202, {"caption": 2, "title": 2})
    (job,) = told["requests"]
    _, seen = ask(pages, Role.REVIEWER, f"/api/jobs/{job}")
    assert (seen["state"], seen["verb"], seen["tasks"]) == ("queued", "enrich", [])
    assert seen["who"].startswith("gallery:reviewer-")
    assert ask(pages, Role.VIEWER, f"/api/jobs/{NOBODY}")[0] == 404
    _, gone = ask(pages, Role.REVIEWER, "/api/cancel", {"job": job})
    assert gone == {"requests": 1, "cancelled": 0}
    _, seen = ask(pages, Role.REVIEWER, f"/api/jobs/{job}")
    assert (seen["state"], seen["reason"]) == ("failed", "CANCELLED")


def test_tasks_are_told_cancelled_deleted_and_run(pages: Pages) -> None:
    key = put(pages.works, 11, 12)
    one, two = media_of(pages.works, key)
    with pages.works.store.write() as connection:
        now = pages.works.store.now()
        for media in (one, two):
            task(connection, media, "enrichment/title", now, Work.QUEUED)
        task(connection, one, "enrichment/caption", now, Work.DONE)
    pages.publish()
    _, told = ask(pages, Role.VIEWER, f"/api/jobs?media={one[:16]}&mode=title")
    assert [(found["task"], found["state"]) for found in told["tasks"]] == [
        ("enrichment/title", "queued")
    ]
    assert len(ask(pages, Role.VIEWER, f"/api/jobs?media={key}")[1]["tasks"]) == 3
    _, told = ask(pages, Role.REVIEWER, "/api/run", {"limit": 1})
    assert (told["count"], len(told["requests"])) == (1, 1)
    wanted = {"media": [one[:16]], "modes": ["title"]}
    assert ask(pages, Role.REVIEWER, "/api/cancel", wanted)[1]["cancelled"] == 1
    with pages.works.store.write() as connection:
        held = work.load(connection, "enrichment/title", [two])[two]
        work.save(connection, [held.taken("run:1@x/1.1", now)], now)
    gone = {"media": [two], "modes": ["title"]}
    status, told = ask(pages, Role.ADMIN, "/api/delete", gone)
    assert (status, told["error"]["reason"]) == (409, Reason.ITEM_BUSY.value)
    assert ask(pages, Role.ADMIN, "/api/delete", gone | {"force": True})[0] == 200
    _, told = ask(pages, Role.ADMIN, f"/api/jobs?media={two}&mode=title")
    assert [found["state"] for found in told["tasks"]] == ["cancelled"]


def test_what_failed_is_tried_again_and_work_is_paused(pages: Pages) -> None:
    (media,) = media_of(pages.works, put(pages.works, 21))
    with pages.works.store.write() as connection:
        now = pages.works.store.now()
        task(connection, media, "enrichment/embed", now, Work.DEAD, Reason.TIMEOUT)
    wanted = {"asset": "enrichments", "reason": "TIMEOUT"}
    assert ask(pages, Role.REVIEWER, "/api/retry", wanted)[1] == {"retried": 1}
    assert ask(pages, Role.REVIEWER, "/api/retry", {**wanted, "reason": "NONE_SUCH"})[0] == 400
    paused = {"task": "enrichment/title"}
    told = {"changed": True, "paused": ["enrichment/title"]}
    assert ask(pages, Role.ADMIN, "/api/pause", paused)[1] == told
    assert ask(pages, Role.ADMIN, "/api/resume", paused)[1] == {"changed": True, "paused": []}


def test_items_are_found_by_the_words_of_the_pages_address(pages: Pages, intake: IntakeKey) -> None:
    (media, *_) = media_of(pages.works, intake)
    _, told = ask(pages, Role.VIEWER, f"/api/items?q={media[:16]}&state=not_required&sort=oldest")
    assert (told["total"], [one["media"] for one in told["items"]]) == (1, [media])
    assert ask(pages, Role.VIEWER, "/api/items?state=held")[1]["total"] == 0
    assert ask(pages, Role.VIEWER, "/api/items?page=0")[0] == 400
    _, one = ask(pages, Role.VIEWER, f"/api/items/{media[:16]}")
    assert (one["item"]["intake"], one["item"]["kind"]) == (intake, "still")
    assert ask(pages, Role.VIEWER, f"/api/items/{'0' * 16}")[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/enqueue", {"modes": ["none"]}, 400),
        ("/api/enqueue", {"modes": []}, 400),
        ("/api/enqueue", {"modes": ["all"], "filters": {"force": True}}, 422),
        ("/api/enqueue", {"modes": ["all"], "filters": {"all": True, "missing": True}}, 422),
        ("/api/enqueue", {"modes": ["all"], "filters": {"since": "2026-02-31"}}, 400),
        ("/api/enqueue", {"modes": ["all"], "filters": {"media": ["../x"]}}, 400),
        ("/api/enqueue", {"modes": ["all"], "filters": {"media": ["0" * 16]}}, 404),
        ("/api/cancel", {"job": NOBODY}, 404),
        ("/api/cancel", {"job": NOBODY, "media": ["0" * 16]}, 400),
        ("/api/delete", {"modes": ["all"]}, 400),
        ("/api/run", {"limit": 0}, 400),
        ("/api/pause", {"task": "cleaning"}, 400),
        ("/api/pause", [], 400),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_shape(
    pages: Pages, path: str, body: Any, status: int
) -> None:
    found, told = ask(pages, Role.ADMIN, path, body)
    assert found == status
    assert told["error"]["next_step"]


def test_a_refusal_repeats_nothing_that_was_sent(pages: Pages) -> None:
    sent = {"modes": ["all"], "Jane Doe": 1, "filters": {"media": ["Jane Doe"]}}
    assert "Jane" not in json.dumps(ask(pages, Role.ADMIN, "/api/enqueue", sent))
    program = pages.program(Role.ADMIN)
    kind = {"Content-Type": "application/json"}
    for content in (b"{", b"\xff", b"[" * 100_000, b""):
        answer = program.post("/api/run", content=content, headers=kind)
        assert (answer.status_code, answer.json()["error"]["reason"]) == (400, "BAD_REQUEST")


def test_every_operation_is_for_its_role_and_those_above(pages: Pages) -> None:
    below = {Role.VIEWER: None, Role.REVIEWER: Role.VIEWER, Role.ADMIN: Role.REVIEWER}
    for one in OPERATIONS:
        path = one.path.replace("{item}", "0" * 16).replace("{job}", NOBODY)
        role = below[one.role]
        program = pages.program(role) if role else Browser(pages.app)
        answer = program.request(one.method, path, json={} if one.body else None)
        assert answer.status_code == (403 if role else 401), one.name
        Draft202012Validator(schemas.ERROR).validate(answer.json())


def test_the_description_tells_of_every_operation_and_its_shapes_are_shapes(pages: Pages) -> None:
    told = pages.program().get("/api/openapi.json").json()
    assert told == json.loads(json.dumps(description()))
    names = {
        operation["operationId"] for path in told["paths"].values() for operation in path.values()
    }
    assert names == {one.name for one in OPERATIONS}
    for one in OPERATIONS:
        for schema in (one.answer, one.body or {}, *one.query.values(), *one.places.values()):
            Draft202012Validator.check_schema(schema)


def test_the_light_status_waits_for_nobody(pages: Pages, intake: IntakeKey) -> None:
    ask(pages, Role.VIEWER, "/api/status?details=1")
    program = pages.program()
    lock = FairLock(pages.works.home.store, "main")
    answers: list[Any] = []

    def look() -> None:
        answers.extend(program.get("/api/status").json() for _ in range(20))

    with lock.hold(shared=False, wait_s=5):
        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        looking.join(5)
        assert not looking.is_alive()
    assert len(answers) == 20
    assert answers[-1]["counts"]["waiting"] >= 3
    Draft202012Validator(schemas.STATUS).validate(answers[-1])


def test_the_light_status_answers_where_there_is_no_copy(tmp_path: Path) -> None:
    works = library(tmp_path)
    pages = Pages.over(works)
    for path in (works.home.store / "published").iterdir():
        path.unlink()
    status, told = ask(pages, Role.VIEWER, "/api/status")
    assert (status, told["counts"], told["copy_age_s"]) == (200, None, None)
    assert told["publishing"] is False
    pages.close()


def test_health_tells_words_and_ages_and_nothing_else(tmp_path: Path) -> None:
    works = library(tmp_path)
    pages = Pages.over(works)
    program = Browser(pages.app)
    assert program.get("/healthz").json() == {"status": "alive"}
    answer = program.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert str(tmp_path) not in answer.text
    for path in (works.home.store / "published").iterdir():
        path.unlink()
    answer = program.get("/readyz")
    found = {check["name"]: check["reason"] for check in answer.json()["checks"]}
    assert answer.status_code == 503
    assert found == {"copy": "NOT_PUBLISHED", "disk": None, "keys": None}
    pages.close()
    pages = Pages.over(works, reserve_bytes=1 << 60)
    answer = Browser(pages.app).get("/readyz")
    assert {one["name"]: one["reason"] for one in answer.json()["checks"]}["disk"] == "DISK_FULL"
    pages.close()


def test_the_examples_of_the_documentation_work(pages: Pages) -> None:
    """Each `curl` of docs/api.md is sent as it stands there, to the application itself."""
    key = put(pages.works, 31)
    (media,) = media_of(pages.works, key)
    pages.publish()
    told = ask(pages, Role.ADMIN, "/api/enqueue", {"modes": ["all"], "filters": {"media": [key]}})
    known = {"JOB": told[1]["requests"][0], "MEDIA": media[:16], "GALLERY": ""}
    text = (Path(__file__).parents[1] / "docs" / "api.md").read_text("utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", "")
    program = pages.program(Role.ADMIN)
    tried = set()
    for line in filter(None, blocks.splitlines()):
        words = shlex.split(re.sub(r"\$(JOB|MEDIA|GALLERY)", lambda name: known[name[1]], line))
        assert words[:4] == ["curl", "-s", "-H", "Authorization: Bearer $KEY"]
        if "-d" in words:
            body = words[words.index("-d") + 1]
            kind = {"Content-Type": "application/json"}
            answer = program.post(words[-1], content=body, headers=kind)
        else:
            answer = program.get(words[-1])
        assert answer.is_success, (line, answer.text)
        tried.add(words[-1].partition("?")[0].replace(known["JOB"], "{job}"))
    rest = {one.path for one in OPERATIONS} - tried
    assert rest == {"/api/items/{item}"}
