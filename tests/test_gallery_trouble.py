"""When the store is locked, the copy damaged, the disk full or gone: what the pages say, and when.

Nobody restarts anything here: whatever was wrong, the pages are well again once it is mended.
"""

import asyncio
import gc
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import httpx
import psutil
import pytest
from gallery_parts import HERE, Browser, bearer, key_of, signed_in
from gallery_states import Item, furnished
from queue_parts import Pages, Role
from reviewing_parts import House
from reviewing_parts import states as states

from gallery.app import create_app
from gallery.drawing import Drawer
from gallery.house import House as GalleryHouse
from gallery.snapshot import snapshots
from gallery.snapshot.copy import Closed, Copy
from supervisor_core import faults
from supervisor_core.store import looks, reviews
from supervisor_core.store.lock import FairLock
from supervisor_core.store.publishing import Publisher

AT_ONCE_S = 10.0  # far below any wait for a lock, far above a page on a busy machine


@contextmanager
def locked(pages: Pages) -> Iterator[None]:
    """Somebody keeps the store for himself."""
    with FairLock(pages.works.home.store, "main").hold(shared=False, wait_s=20):
        yield


@contextmanager
def at_once() -> Iterator[None]:
    began_s = time.monotonic()
    yield
    assert time.monotonic() - began_s < AT_ONCE_S


@contextmanager
def begun_anew(pages: Pages) -> Iterator[Browser]:
    """The pages of the same home, begun just now, with somebody who is signed in."""
    house = GalleryHouse(pages.works.home, pages.works.settings)
    try:
        yield signed_in(create_app(house), house, Role.REVIEWER)
    finally:
        house.close()


def until(holds: Callable[[], bool]) -> None:
    """Waits for something that happens by itself."""
    ends_s = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends_s
        threading.Event().wait(0.02)


def looks_at(pages: Pages, item: Item) -> int:
    with pages.works.store.read() as connection:
        return sum(one.times for one in looks.of(connection, item.media.media, item.file))


def test_nobody_who_looks_waits_for_the_store_and_every_look_counts_in_the_end(
    states: House,
) -> None:
    pages, items = states
    reviewer, item = pages.person(Role.REVIEWER), items["verified"]
    with locked(pages), at_once():
        for _ in range(2):
            assert reviewer.get(f"/items/{item.id}").status_code == 200
            assert reviewer.get("/items").status_code == 200
            assert reviewer.get(f"/files/{item.file}/media").status_code == 200
            # By now somebody tries to write the first looks, and waits.
            threading.Event().wait(0.6)
        for path in ("/queue", "/api/status", "/healthz", "/readyz", f"/items/{item.id}/history"):
            assert reviewer.get(path).status_code == 200, path
    until(lambda: looks_at(pages, item) == 2)


def test_a_decision_that_can_not_be_written_says_so_and_is_no_decision(tmp_path: Path) -> None:
    works, items = furnished(tmp_path)
    pages = Pages.over(works, store_wait_s=0.2)
    try:
        reviewer, item = pages.person(Role.REVIEWER), items["verified"]
        assert reviewer.get(f"/items/{item.id}").status_code == 200
        form = {"decision": "release", "output": item.file}
        with locked(pages), at_once():
            answer = reviewer.send_form(f"/items/{item.id}/review", form)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "STORE_BUSY" in answer.text
        with pages.works.store.read() as connection:
            assert not [one for one in reviews.history(connection, item.media.media) if one.output]
        again = reviewer.send_form(f"/items/{item.id}/review", form)
        assert again.status_code == 303
        assert "Released" in reviewer.get(f"/items/{item.id}").text
    finally:
        pages.close()


def error_of(browser: httpx.Client, path: str) -> tuple[int, str]:
    answer = browser.get(path, headers={"Accept": "application/json"})
    return answer.status_code, str(answer.json()["error"]["reason"])


def renamed_over(pages: Pages, part: Path) -> None:
    part.replace(pages.house.snapshots.place.path)


def damaged(pages: Pages) -> None:
    part = pages.works.folder / "damaged"
    part.write_bytes(os.urandom(40_000))
    renamed_over(pages, part)


def older(pages: Pages) -> None:
    """A copy as a program of before has taken it."""
    part = pages.works.folder / "older"
    part.write_bytes(pages.house.snapshots.place.path.read_bytes())
    with duckdb.connect(str(part)) as connection:
        connection.execute("DROP TABLE look")
    renamed_over(pages, part)


def cut(pages: Pages) -> None:
    path = pages.house.snapshots.place.path
    part = pages.works.folder / "cut"
    part.write_bytes(path.read_bytes()[:5000])
    renamed_over(pages, part)


@pytest.mark.parametrize("spoil", [damaged, older, cut])
def test_a_copy_that_can_not_be_read_is_told_and_the_next_one_is_read(
    states: House, spoil: Callable[[Pages], None]
) -> None:
    pages, items = states
    reviewer = pages.person(Role.REVIEWER)
    spoil(pages)
    # Whoever has the former one goes on with it.
    with at_once():
        for path in ("/items", f"/items/{items['verified'].id}"):
            assert reviewer.get(path).status_code == 200
    with begun_anew(pages) as newcomer:
        with at_once():
            status, reason = error_of(newcomer, "/items")
        assert status >= 500
        assert reason in ("STORE_DAMAGED", "INTERNAL_ERROR")
        assert str(pages.works.folder) not in newcomer.get("/items").text
        assert newcomer.get("/healthz").status_code == 200
        Publisher(pages.works.home).publish()
        until(lambda: newcomer.get("/items").status_code == 200)


def test_without_a_copy_the_first_waits_a_little_and_the_others_hardly(
    states: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, _ = states
    pages.house.snapshots.place.path.unlink()
    monkeypatch.setattr(snapshots, "_FIRST_S", 0.5)
    with begun_anew(pages) as newcomer:
        assert error_of(newcomer, "/items") == (503, "NOT_PUBLISHED")
        monkeypatch.setattr(snapshots, "_FIRST_S", 0.0)
        with at_once():
            for _ in range(10):
                assert error_of(newcomer, "/items") == (503, "NOT_PUBLISHED")
        assert newcomer.get("/readyz").status_code == 503
        Publisher(pages.works.home).publish()
        until(lambda: newcomer.get("/items").status_code == 200)


def test_on_a_full_disk_the_pages_go_on_and_decisions_say_why_not(
    states: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, items = states
    reviewer, item = pages.person(Role.REVIEWER), items["verified"]
    reviewer.headers["Accept"] = "application/json"
    assert reviewer.get(f"/items/{item.id}").status_code == 200
    until(lambda: looks_at(pages, item) == 1)
    monkeypatch.setenv(faults.VARIABLE, "store.before_commit:full")
    with at_once():
        form = {"decision": "release", "output": item.file}
        answer = reviewer.send_form(f"/items/{item.id}/review", form)
        assert (answer.status_code, answer.json()["error"]["reason"]) == (507, "DISK_FULL")
        assert str(pages.works.folder) not in answer.text
        for path in ("/items", f"/items/{item.id}", f"/files/{item.file}/media", "/queue"):
            assert reviewer.get(path).status_code == 200, path
    monkeypatch.delenv(faults.VARIABLE)
    until(lambda: looks_at(pages, item) == 2)
    assert reviewer.send_form(f"/items/{item.id}/review", {"decision": "hold"}).status_code == 303
    assert "Held" in reviewer.get(f"/items/{item.id}").text


def test_when_the_home_is_gone_for_a_while_the_pages_say_so_and_come_back(states: House) -> None:
    pages, items = states
    reviewer, item = pages.person(Role.REVIEWER), items["verified"]
    root = pages.works.home.root
    assert reviewer.get("/items").status_code == 200
    away = root.rename(root.with_name("away"))
    with at_once():
        answers = {
            path: reviewer.get(path, headers={"Accept": "application/json"})
            for path in ("/items", f"/items/{item.id}", f"/files/{item.file}/media", "/readyz")
        }
        for path, answer in answers.items():
            assert str(root) not in answer.text, path
            assert answer.status_code in (200, 303, 401, 404, 503), path
        assert answers["/readyz"].status_code == 503
        assert reviewer.get("/healthz").status_code == 200
        form = {"decision": "hold", "csrf_token": reviewer.csrf}
        told = reviewer.send_form(f"/items/{item.id}/review", form)
        assert told.status_code in (303, 401, 403, 503)
        assert str(root) not in told.text
    assert not root.exists()  # nobody has made an empty one
    away.rename(root)
    until(lambda: reviewer.get("/items").status_code == 200)
    assert reviewer.send_form(f"/items/{item.id}/review", {"decision": "hold"}).status_code == 303
    until(lambda: "Held" in reviewer.get(f"/items/{item.id}").text)


def test_a_picture_that_hangs_is_told_in_time_and_the_next_one_is_drawn(
    states: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, items = states
    pages.house.drawer.close()
    pages.house.drawer = Drawer(pages.works.home, pages.works.settings, limit_s=0.5)
    viewer = pages.person(Role.VIEWER)
    monkeypatch.setenv(faults.VARIABLE, "call.finished:hang")
    with at_once():
        assert error_of(viewer, f"/items/{items['verified'].id}/frame.jpg") == (503, "TIMEOUT")
        assert viewer.get(f"/items/{items['verified'].id}").status_code == 200
    monkeypatch.delenv(faults.VARIABLE)
    for name in ("verified", "held"):
        assert viewer.get(f"/items/{items[name].id}/frame.jpg").status_code == 200


def change(pages: Pages, item: Item) -> None:
    """Something that makes another copy of the store."""
    with pages.works.store.write() as connection:
        reviews.hold(connection, [item.media.media], "test", pages.works.clock())
        reviews.reopen(connection, [item.media.media], "test", pages.works.clock())
    Publisher(pages.works.home).publish()


@pytest.mark.parametrize(
    ("copies", "requests"), [(4, 5), pytest.param(20, 25, marks=pytest.mark.campaign)]
)
def test_many_requests_and_copies_leave_nothing_open(
    states: House, copies: int, requests: int
) -> None:
    pages, items = states
    person, item = pages.person(Role.REVIEWER), items["verified"]
    paths = ("/items", f"/items/{item.id}", "/items?q=x", f"/files/{item.file}/media", "/queue")
    process = psutil.Process()

    def go_on(copies: int) -> tuple[int, int, int]:
        for number in range(copies):
            change(pages, items["open"])
            pages.publish()
            for step in range(requests):
                assert person.get(paths[(number + step) % len(paths)]).status_code == 200
        gc.collect()
        return process.num_fds(), process.num_threads(), process.memory_info().rss

    before = go_on(2)
    after = go_on(copies)
    assert after[0] <= before[0] + 2
    assert after[1] <= before[1] + 2
    assert after[2] <= before[2] + 64 * 2**20


def test_a_copy_is_closed_when_its_last_reader_is_done(states: House) -> None:
    copy = Copy(states[0].house.snapshots.place)
    with copy.reading() as first:
        with copy.reading():
            copy.close()
        row = first.execute("SELECT count(*) FROM memory.main.item").fetchone()
        assert row == (len(states[1]) + 1,)
        with pytest.raises(Closed), copy.reading():
            pass  # it was about to be replaced when somebody wanted it
    with pytest.raises(Closed), copy.reading():
        pass


def test_twenty_at_once_are_answered_while_copies_change(states: House) -> None:
    pages, items = states
    keys = [key_of(pages.house, role) for role in (Role.VIEWER, Role.REVIEWER)]
    paths = [f"/api/items/{one.id}" for one in items.values()]
    paths += ["/api/items", "/api/items?state=held&q=a", f"/files/{items['open'].file}/media"]
    over = threading.Event()

    def publish() -> None:
        while not over.is_set():
            change(pages, items["open"])

    async def ask(number: int) -> list[int]:
        transport = httpx.ASGITransport(pages.app, client=("127.0.0.1", 50_000))
        headers = bearer(keys[number % 2])
        async with httpx.AsyncClient(
            transport=transport, base_url=HERE, headers=headers, timeout=60
        ) as client:
            return [
                (await client.get(paths[(number * 3 + step) % len(paths)])).status_code
                for step in range(10)
            ]

    async def everybody() -> list[list[int]]:
        return await asyncio.gather(*(ask(number) for number in range(20)))

    writer = threading.Thread(target=publish)
    writer.start()
    try:
        answers = asyncio.run(everybody())
    finally:
        over.set()
        writer.join()
    assert {status for one in answers for status in one} == {200}
    assert json.loads(pages.program().get("/readyz").text)["status"] == "ready"


def test_files_are_not_shown_by_a_copy_that_may_be_out_of_date(states: House) -> None:
    pages, items = states
    viewer, item = pages.person(Role.VIEWER), items["verified"]
    address = f"/files/{item.file}/media"
    assert viewer.get(address).status_code == 200
    place, former_s = pages.house.snapshots.place, time.time() - 2 * snapshots.LATE_S
    for path in (place.path, place.seen):
        os.utime(path, (former_s, former_s))
    until(
        lambda: viewer.get("/items").status_code == 200 and viewer.get(address).status_code == 503
    )
    assert error_of(viewer, f"/items/{item.id}/frame.jpg") == (503, "NOT_PUBLISHED")
    Publisher(pages.works.home).publish()
    until(lambda: viewer.get(address).status_code == 200)
