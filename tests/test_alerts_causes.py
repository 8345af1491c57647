"""What is told and what is not: signs go in, notices come out, and time is turned by hand."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from store_builders import NOON

from supervisor_core.notify.causes import (
    Cause,
    Key,
    Kind,
    Notice,
    Rules,
    Sign,
    due,
    follow,
    forgotten,
    told,
)
from supervisor_core.notify.message import known_item, message_of

MINUTE = timedelta(minutes=1)
RULES = Rules(gather=MINUTE, window=timedelta(hours=1), again=timedelta(days=7))
CHECK = "check:cleaned_frames:anonymized"


class Watch:
    """The causes of a day, looked at whenever the test says so."""

    def __init__(self) -> None:
        self.causes: dict[Key, Cause] = {}

    def look(self, at: timedelta, *signs: Sign) -> list[tuple[str, str]]:
        now = NOON + at
        after = follow(self.causes.values(), signs)
        notices = list(due(after, now, RULES))
        self.causes = {
            key: one
            for key, one in told(after, notices, now).items()
            if not forgotten(one, now, RULES, {CHECK})
        }
        return [(notice.kind.value, notice.cause.cause) for notice in notices]


def fails(at: timedelta, item: str = "", cause: str = "ERROR", **figures: float) -> Sign:
    return Sign(CHECK, item, cause, NOON + at, "run", figures)


def passes(at: timedelta, item: str = "") -> Sign:
    return Sign(CHECK, item, None, NOON + at)


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_what_fails_is_told_once_and_so_is_its_end(watch: Watch) -> None:
    assert watch.look(0 * MINUTE, fails(0 * MINUTE)) == []  # more may come
    assert watch.look(1 * MINUTE) == [("failing", "ERROR")]
    assert watch.look(2 * MINUTE) == []
    assert watch.look(16 * MINUTE, fails(16 * MINUTE)) == []
    assert watch.look(500 * MINUTE, fails(500 * MINUTE)) == []
    assert watch.look(510 * MINUTE, passes(510 * MINUTE)) == [("passing", "ERROR")]
    assert watch.look(511 * MINUTE, passes(511 * MINUTE)) == []
    assert watch.causes == {}


def test_what_passes_at_once_is_not_told(watch: Watch) -> None:
    assert watch.look(0 * MINUTE, fails(0 * MINUTE)) == []
    assert watch.look(1 * MINUTE, passes(0.5 * MINUTE)) == []
    assert watch.causes == {}


def test_what_comes_and_goes_is_told_once_in_a_window(watch: Watch) -> None:
    said = []
    for minute in range(0, 120, 4):
        said += watch.look(minute * MINUTE, fails(minute * MINUTE))
        said += watch.look((minute + 2) * MINUTE)
        said += watch.look((minute + 3) * MINUTE, passes((minute + 3) * MINUTE))
    assert said == [("failing", "ERROR"), ("passing", "ERROR")] * 2


def test_two_hundred_intakes_are_one_notice_and_later_ones_wait_for_the_window(
    watch: Watch,
) -> None:
    many = [f"20260504_{number:010d}" for number in range(200)]
    watch.look(0 * MINUTE, *[fails(0 * MINUTE, key) for key in many[:150]])
    assert watch.look(1 * MINUTE) == [("failing", "ERROR")]
    assert watch.look(2 * MINUTE, *[fails(2 * MINUTE, key) for key in many[150:]]) == []
    assert watch.look(61 * MINUTE) == [("failing", "ERROR")]
    assert watch.look(200 * MINUTE) == []
    assert watch.look(201 * MINUTE, *[passes(201 * MINUTE, key) for key in many[1:]]) == []
    assert watch.look(202 * MINUTE, passes(202 * MINUTE, many[0])) == [("passing", "ERROR")]


def test_a_check_over_all_is_told_again_when_it_counts_more_or_a_week_has_passed(
    watch: Watch,
) -> None:
    watch.look(0 * MINUTE, fails(0 * MINUTE, intakes=3))
    assert watch.look(1 * MINUTE) == [("failing", "ERROR")]
    assert watch.look(70 * MINUTE, fails(70 * MINUTE, intakes=3)) == []
    assert watch.look(80 * MINUTE, fails(80 * MINUTE, intakes=4)) == [("failing", "ERROR")]
    later = timedelta(days=8)
    assert watch.look(later, fails(later, intakes=4)) == [("failing", "ERROR")]


def test_another_severity_is_no_recovery(watch: Watch) -> None:
    watch.look(0 * MINUTE, fails(0 * MINUTE, cause="WARN"))
    assert watch.look(1 * MINUTE) == [("failing", "WARN")]
    assert watch.look(5 * MINUTE, fails(5 * MINUTE)) == []
    assert watch.look(6 * MINUTE) == [("failing", "ERROR")]
    assert watch.look(9 * MINUTE, passes(9 * MINUTE)) == [("passing", "ERROR")]
    assert watch.look(10 * MINUTE) == []


def test_what_was_told_is_told_to_be_over_though_it_was_worse_for_a_moment(watch: Watch) -> None:
    watch.look(0 * MINUTE, fails(0 * MINUTE, cause="WARN"))
    assert watch.look(1 * MINUTE) == [("failing", "WARN")]
    assert watch.look(5 * MINUTE, fails(5 * MINUTE)) == []
    assert watch.look(6 * MINUTE, passes(5.5 * MINUTE)) == [("passing", "WARN")]


def test_a_check_that_is_gone_is_forgotten(watch: Watch) -> None:
    gone = Sign("check:x:y", "", "ERROR", NOON)
    watch.look(0 * MINUTE, gone)
    assert watch.causes == {}


def test_what_is_stale_after_a_night_gets_time_to_become_fresh(watch: Watch) -> None:
    watch.look(0 * MINUTE, Sign("fresh:canary", "", "STALE", NOON))
    assert watch.look(20 * MINUTE) == []
    assert watch.look(25 * MINUTE) == [("failing", "STALE")]


def notice(subject: str, cause: str, items: Sequence[str] = ("",), **changes: object) -> Notice:
    since = dict.fromkeys(items, NOON)
    return Notice(Kind.FAILING, Cause(subject, cause, NOON, since, "1234-run", **changes))


def told_of(*notices: Notice, now: datetime = NOON, ui_url: str | None = None) -> dict:
    return message_of("id", notices, now, ui_url)


def test_a_message_has_counts_the_worst_first_and_no_more_than_anybody_reads() -> None:
    many = [f"20260504_{number:010d}" for number in range(200)]
    warnings = [notice(f"check:a:{number:02d}", "WARN") for number in range(30)]
    content = told_of(*warnings, notice(CHECK, "ERROR", many))
    assert (content["failing"], content["causes_not_shown"], content["subject"]) == (
        31, 11, "Supervisor: 31 fail",
    )  # fmt: skip
    first = content["causes"][0]
    assert (first["check"], first["intakes"], len(first["first_intakes"])) == (
        "anonymized",
        200,
        10,
    )
    assert "200 intakes: 20260504_0000000000, " in content["text"]
    assert "and 190 more" in content["text"]
    assert len(content["text"]) < 4000


def test_a_reason_is_told_with_its_next_step_and_pages_where_an_address_is_set() -> None:
    run, check = notice("run:clean_intake", "DISK_FULL"), notice(CHECK, "ERROR")
    told = told_of(run, check, ui_url="https://media.example/dagster/")["causes"]
    links = {one["kind"]: one["link"] for one in told}
    assert links == {
        "run": "https://media.example/dagster/runs/1234-run",
        "check": "https://media.example/dagster/assets/cleaned_frames"
        "?view=checks&checkDetail=anonymized",
    }
    assert next(one for one in told if one["kind"] == "run")["next_step"]
    assert told_of(run)["causes"][0]["link"] is None


def test_what_fails_ends_with_the_command_that_explains_it_and_what_passes_does_not() -> None:
    run, check = notice("run:clean_intake", "DISK_FULL"), notice(CHECK, "ERROR")
    stale = notice("fresh:canary", "STALE")
    unknown = notice("check:videos:of_another_program", "ERROR")
    content = told_of(run, check, stale, unknown)
    assert {one["explain"] for one in content["causes"]} == {
        "supervisor-assets explain DISK_FULL",
        "supervisor-assets explain anonymized",
        "supervisor-assets explain STALE",
        None,
    }
    assert "\n  supervisor-assets explain anonymized" in content["text"]
    passing = Notice(Kind.PASSING, check.cause)
    assert "explain" not in told_of(passing)["text"]


@pytest.mark.parametrize("partition", ["Erika Mustermann", "20260504_", "../20260504_AAAAAAAAAA"])
def test_a_partition_that_is_no_intake_is_not_named(partition: str) -> None:
    assert known_item(partition) == "other"
    assert known_item("20260504_ABCDEFGH23") == "20260504_ABCDEFGH23"
    assert known_item(None) == ""
