"""The queue page: what it tells rests on the store, and what its buttons do is done."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from enrichment_parts import media_of
from gallery_states import SHOWN
from pipeline_parts import House as Works
from queue_parts import Pages, Role, end, library, put, task
from reviewing_parts import House
from reviewing_parts import states as states

from gallery.queue.ends import ends
from gallery.queue.held import held
from gallery.queue.stages import Stage
from gallery.queue.troubles import troubles
from gallery.queue.unbegun import Unbegun, unbegun
from supervisor_core.keys import Retried
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import pauses, requests
from supervisor_core.store.attempts import Step
from supervisor_core.store.requests import State, Verb


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    pages = Pages.over(library(tmp_path))
    yield pages
    pages.close()


def stage(pages: Pages, step: str, level: str = "") -> Stage:
    pages.publish()
    found = held(pages.house).figures(after_ns=pages.house.snapshots.place.look().taken_ns)
    (one,) = (one for one in found.stages if (one.step, one.level) == (step, level))
    return one


def test_what_waits_runs_is_blocked_and_failed_is_counted_once(pages: Pages) -> None:
    works = pages.works
    one, two, three, four = media_of(works, put(works, 1, 2, 3, 4))
    with works.store.write() as connection:
        now = works.store.now()
        sql = "SELECT first_seen FROM arrival WHERE media = ?"
        ((came,),) = connection.execute(sql, [four]).fetchall()
        task(connection, one, "enrichment/caption", now, Work.QUEUED)
        task(connection, two, "enrichment/caption", now, Work.BLOCKED, Reason.BLOCKED_BY_OLLAMA)
        task(connection, three, "enrichment/caption", now, Work.DEAD, Reason.TIMEOUT)
        task(connection, three, "enrichment/title", now, Work.ERROR, Reason.INVALID_JSON)
        task(connection, one, "enrichment/title", now, Work.DEAD, Reason.INVALID_JSON)
    caption, title = stage(pages, "enrich", "caption"), stage(pages, "enrich", "title")
    # One that the profile asks for has not been begun: no row tells of it.
    assert (caption.waiting, caption.running, caption.blocked, caption.failed) == (2, 0, 1, 1)
    assert caption.blocks == {"BLOCKED_BY_OLLAMA": 1}
    assert caption.oldest == came < now
    assert [(one.reason, one.count, one.asset) for one in title.failures] == [
        ("INVALID_JSON", 2, Retried.ENRICHMENTS)
    ]
    assert (caption.ends, caption.left_s) == (None, None)


def test_what_is_not_begun_waits_since_it_was_proven(states: House) -> None:
    pages, items = states
    media, name = items["verified"].media.media, "enrichment/title"
    proven = pages.works.store.now() + timedelta(days=1)
    with pages.works.store.write() as connection:
        sql = "SELECT DISTINCT profile FROM intake JOIN arrival USING (intake) WHERE media = ?"
        ((profile,),) = connection.execute(sql, [media]).fetchall()
        asked = {profile: [name, "enrichment/caption"], "nosuch": ["analysis/x"]}
        for other in {item.media.media for item in items.values()} - {media}:
            task(connection, other, name, pages.works.store.now(), Work.DONE)
        sql = "UPDATE output SET verified_at = ? WHERE media = ? AND current"
        connection.execute(sql, [proven, media])
        found = unbegun(connection, asked)
    assert set(found) == {name, "enrichment/caption"}
    assert found[name] == Unbegun(1, proven)
    assert found["enrichment/caption"].count >= len(SHOWN)


def test_the_time_left_is_a_range_from_real_ends_and_unknown_without(pages: Pages) -> None:
    works = pages.works
    (media, *_) = media_of(works, put(works, 1, 2, 3))
    with works.store.write() as connection:
        now = datetime.now(UTC)
        task(connection, media, "enrichment/title", now, Work.QUEUED)
        for number in range(12):
            began = now - timedelta(seconds=100 * (12 - number))
            level = "caption"
            end(connection, Step.ENRICH, began, began + timedelta(seconds=90), level=level)
        end(connection, Step.ENRICH, now, now, level="title")
        found = ends(connection, now)
    caption = found["enrich", "caption"]
    assert (caption.count, caption.window_s) == (12, 3600.0)
    assert caption.per_hour == pytest.approx(36, rel=0.01)
    low_s, high_s = caption.left(3) or (0.0, 0.0)
    assert low_s < 300 < high_s < 450
    assert found["enrich", "title"].left(3) is None
    assert (found["enrich", "title"].count, found["enrich", "title"].window_s) == (1, 86_400.0)
    pages.publish()
    page = pages.person().get("/queue").text
    assert "(from 12 ends)" in page
    assert "<td>unknown</td>" in page
    assert "(1 in 24 h)" in page


def test_failures_have_a_sentence_a_next_step_and_a_button_that_tries_again(pages: Pages) -> None:
    works = pages.works
    (media,) = media_of(works, put(works, 1))
    with works.store.write() as connection:
        now = works.store.now()
        task(connection, media, "enrichment/caption", now, Work.DEAD, Reason.TIMEOUT)
        end(connection, Step.ENRICH, now, now, media=media, level="caption", reason=Reason.TIMEOUT)
    pages.publish()
    person = pages.person(Role.REVIEWER)
    page = person.get("/queue").text
    assert Reason.TIMEOUT.sentence in page.replace("&#39;", "'")
    assert Reason.TIMEOUT.next_step in page.replace("&#39;", "'")
    assert f"/items/{media[:16]}" in page
    form = {"asset": "enrichments", "reason": "TIMEOUT"}
    answer = person.send_form("/queue/retry", form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
    one = stage(pages, "enrich", "caption")
    assert (one.waiting, one.failed) == (1, 0)
    assert person.send_form("/queue/retry", form | {"asset": "videos"}).status_code == 422


def test_requests_and_modes_are_cancelled_and_what_waits_is_begun(pages: Pages) -> None:
    works = pages.works
    key = put(works, 1, 2)
    one, two = media_of(works, key)
    with works.store.write() as connection:
        now = works.store.now()
        job = requests.ask(connection, Verb.RECLEAN, key, "anna", now)
        task(connection, one, "enrichment/caption", now, Work.WAITING)
        task(connection, two, "enrichment/title", now, Work.WAITING)
    pages.publish()
    person = pages.person(Role.REVIEWER)
    assert job in person.get("/queue").text
    assert person.send_form("/queue/cancel", {"job": job}).status_code == 303
    assert person.send_form("/queue/cancel", {"task": "enrichment/title"}).status_code == 303
    assert person.send_form("/queue/cancel", {"task": "enrichment/none"}).status_code == 422
    with works.store.write() as connection:
        task(connection, one, "enrichment/embed", now, Work.WAITING)
        pauses.pause(connection, "enrichment/embed", "anna", now)
    assert person.send_form("/queue/run").status_code == 303
    with works.store.read() as connection:
        gone = requests.find(connection, job)
        (asked,) = requests.open_requests(connection, 9)
    assert (gone.state, gone.reason) == (State.FAILED, Reason.CANCELLED)
    assert (asked.verb, asked.detail["modes"]) == (Verb.ENRICH, "caption")
    assert asked.who.startswith("gallery:reviewer-")
    assert stage(pages, "enrich", "title").waiting == 0


def test_only_admins_pause_and_the_page_says_who_did(pages: Pages) -> None:
    reviewer, admin = pages.person(Role.REVIEWER), pages.person(Role.ADMIN)
    form = {"task": "enrichment"}
    assert reviewer.send_form("/queue/pause", form).status_code == 403
    assert admin.send_form("/queue/pause", form).status_code == 303
    assert "by gallery:admin-" in admin.get("/queue").text
    assert "/queue/pause" not in reviewer.get("/queue").text
    assert stage(pages, "enrich", "caption").pause is not None
    assert admin.send_form("/queue/resume", form).status_code == 303
    assert admin.send_form("/queue/pause", {"task": "cleaning"}).status_code == 422
    with pages.works.store.read() as connection:
        assert pauses.load(connection) == {}


def test_every_stage_before_the_gate_is_told_and_what_lies_aside_is_cleaned_again(
    tmp_path: Path,
) -> None:
    works = Works(tmp_path)
    fails = "frame_level = DECODE_FAILED\nroi_mask = DECODE_FAILED"
    works.clean(works.arrive("one", fails, "import = DISGUISED_FILE"))
    works.arrive("two", "three")
    pages = Pages.over(works)
    assert [(one.reason, one.asset) for one in stage(pages, "import").failures] == [
        ("DISGUISED_FILE", None)
    ]
    assert stage(pages, "mask").waiting == 2
    assert [(one.reason, one.count) for one in stage(pages, "mask").failures] == [
        ("DECODE_FAILED", 1)
    ]
    assert stage(pages, "thumbnail").waiting == 0
    form = {"asset": "cleaned_frames", "reason": "DECODE_FAILED"}
    assert pages.person(Role.REVIEWER).send_form("/queue/retry", form).status_code == 303
    again = stage(pages, "mask")
    assert (again.waiting, again.failed) == (3, 0)
    with works.store.write() as connection:
        connection.execute("UPDATE media SET review = 'released' WHERE verification = 'verified'")
    assert stage(pages, "release").waiting == 1
    with works.store.write() as connection:
        connection.execute("DELETE FROM attempt WHERE step = 'thumbnail'")
    assert stage(pages, "thumbnail").waiting == 1
    pages.close()


def test_the_last_errors_are_the_newest_fifty_of_all_kinds(pages: Pages) -> None:
    works = pages.works
    key = put(works, 1)
    with works.store.write() as connection:
        now = works.store.now()
        for number in range(60):
            when = now - timedelta(minutes=number)
            reason = Reason.CANCELLED if number == 1 else Reason.WORKER_CRASHED
            end(connection, Step.MASK, when, when, level="frame_level", reason=reason)
        job = requests.ask(connection, Verb.RETRY, key, "anna", now)
        requests.move(connection, job, State.FAILED, now + timedelta(1), Reason.UNKNOWN_INTAKE)
        looked = now - timedelta(minutes=2, seconds=30)
        connection.execute("INSERT INTO consistency_look VALUES ('l', ?, 1, 1, 1, 0, 1)", [looked])
        connection.execute("INSERT INTO consistency_log VALUES ('l', 'unknown_file', 'x', NULL)")
        found = troubles(connection)
    assert len(found) == 50
    assert [one.reason for one in found[:3]] == ["UNKNOWN_INTAKE", *["WORKER_CRASHED"] * 2]
    assert (found[3].place, found[3].level) == ("consistency", "unknown_file")
    assert {one.reason for one in found} == {"UNKNOWN_INTAKE", "WORKER_CRASHED", None}
    assert all(one.sentence and one.next_step for one in found)


def test_the_part_that_is_renewed_is_the_middle_of_the_page(pages: Pages) -> None:
    person = pages.person()
    part = person.get("/queue/part").text
    assert "<html" not in part
    assert "Stages" in part
    assert "Nothing has failed." in part
    assert person.send_form("/queue/run").status_code == 403
