"""What a backfill makes again: which items are chosen, and that a run then does make them again."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import analysis_parts
import pytest
from analysis_parts import cleaned, house_asking, results, task
from enrichment_parts import media_of, put, run, shelf
from enrichment_parts import result as enrichment
from ollama_server import Mode, OllamaServer
from pipeline_parts import House, item

from supervisor_core.keys import IntakeKey
from supervisor_core.pipeline.redoing import basis_of, make_willing
from supervisor_core.reasons import Failed, Reason
from supervisor_core.redo import AGAIN_TAG, FAMILIES, LEVEL_TAG, Redo, What, each
from supervisor_core.states import Cleaning, Work
from supervisor_core.store import audit, integrity
from supervisor_core.store.integrity import Integrity
from supervisor_core.store.redoing import Chosen, Within, choose
from supervisor_core.store.rows import insert

FAILING = "frame_level = DECODE_FAILED\nroi_mask = DECODE_FAILED"
WORN_OUT = "frame_level = TIMEOUT\nroi_mask = TIMEOUT"
HALF = "frame_level = TIMEOUT\nhalf"
FAILED, ALL, OLDER = Redo(), Redo(What.ALL), Redo(What.OLDER)
CLEANED = "cleaned_frames"

server = analysis_parts.server


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def asking(tmp_path: Path, server: OllamaServer) -> House:
    return house_asking(tmp_path, server.url, analysis_tries=1)


def chosen(house: House, asset: str, redo: Redo, **within: object) -> list[Chosen]:
    basis = house.pipeline.do(basis_of, [asset], redo)
    with house.store.read() as connection:
        return choose(connection, asset, redo, Within(**within), basis)  # type: ignore[arg-type]


def again(
    house: House, key: IntakeKey, asset: str, redo: Redo, before: datetime | None = None
) -> int:
    return house.pipeline.do(make_willing, key, asset, redo, before or house.clock())


def levels(house: House, key: IntakeKey) -> list[Cleaning | None]:
    return [one.level for one in house.pipeline.summary(key).items]


def test_of_an_intake_only_what_lies_aside_is_cleaned_again(house: House) -> None:
    key = cleaned(house, FAILING, "sound", HALF)
    assert [(one.intake, one.state, one.reason) for one in chosen(house, CLEANED, FAILED)] == [
        (key, "raw_aside", Reason.DECODE_FAILED)
    ]
    assert again(house, key, CLEANED, FAILED) == 1
    assert levels(house, key) == [Cleaning.WAITING, Cleaning.FRAME_LEVEL, Cleaning.ROI_MASK]
    media = item(house, key).media
    with house.store.read() as connection:
        deeds = audit.of_subject(connection, media.media if media else "")
    assert [(one.verb, one.detail["what"]) for one in deeds if one.verb == "backfill"] == [
        ("backfill", "failed")
    ]


def test_levels_and_codes_narrow_what_is_chosen(house: House) -> None:
    key = cleaned(house, FAILING, WORN_OUT, HALF, "sound")
    half = Redo(levels=frozenset({Cleaning.ROI_MASK}))
    timed_out = Redo(codes=frozenset({Reason.TIMEOUT}))
    both = Redo(levels=frozenset({Cleaning.RAW_ASIDE, Cleaning.ROI_MASK}), codes=timed_out.codes)
    assert [one.state for one in chosen(house, CLEANED, half)] == ["roi_mask"]
    assert [one.state for one in chosen(house, CLEANED, timed_out)] == ["raw_aside"]
    assert sorted(one.state for one in chosen(house, CLEANED, both)) == ["raw_aside", "roi_mask"]
    assert len(chosen(house, CLEANED, FAILED)) == 2
    assert len(chosen(house, CLEANED, ALL)) == 4
    assert again(house, key, CLEANED, half) == 1
    assert levels(house, key)[2:] == [Cleaning.WAITING, Cleaning.FRAME_LEVEL]


def test_what_was_made_again_since_the_run_began_is_left_alone(house: House) -> None:
    key = cleaned(house, FAILING, "sound")
    began = house.clock()
    assert again(house, key, CLEANED, ALL, began) == 2
    house.clean(key)
    assert again(house, key, CLEANED, ALL, began) == 0
    assert levels(house, key) == [Cleaning.RAW_ASIDE, Cleaning.FRAME_LEVEL]


def test_another_version_of_the_cleaning_makes_outputs_old(house: House) -> None:
    key = cleaned(house, "sound", FAILING)
    assert chosen(house, CLEANED, OLDER) == []
    house.tools = replace(house.tools, code_version="2")
    assert {one.state for one in chosen(house, CLEANED, OLDER)} == {"frame_level", "raw_aside"}
    assert again(house, key, CLEANED, OLDER) == 2


def test_days_and_intakes_say_which_are_meant(house: House) -> None:
    first = cleaned(house, FAILING)
    house.clock.turn(timedelta(days=2).total_seconds())
    second = cleaned(house, WORN_OUT)
    days = [date(2026, 5, number) for number in (4, 5, 6)]

    def found(**within: object) -> list[str]:
        return [one.intake for one in chosen(house, CLEANED, FAILED, **within)]

    assert found() == [first, second]
    assert found(until=days[1]) == found(since=days[0], until=days[0]) == [first]
    assert found(since=days[1]) == found(since=days[2]) == [second]
    assert found(since=days[1], until=days[1]) == []
    assert found(intakes=[second]) == [second]
    assert found(intakes=[second], until=days[1]) == []


def test_a_content_that_came_in_twice_is_worked_on_once_by_an_intake_that_is_meant(
    house: House,
) -> None:
    first = cleaned(house, FAILING)
    house.clock.turn(timedelta(days=1).total_seconds())
    second = cleaned(house, FAILING)
    assert [one.intake for one in chosen(house, CLEANED, FAILED)] == [first]
    assert [one.intake for one in chosen(house, CLEANED, FAILED, intakes=[second])] == [second]


def test_a_dead_analysis_is_asked_again_and_a_good_one_only_by_name(
    asking: House, server: OllamaServer
) -> None:
    dead, good = cleaned(asking, "one"), cleaned(asking, "two")
    asking.pipeline.analyse(good)
    server.mode = Mode.ERROR_500
    asking.pipeline.analyse(dead)
    server.mode = Mode.OK
    assert [(one.intake, one.state) for one in chosen(asking, "analyses", FAILED)] == [
        (dead, "dead")
    ]
    assert again(asking, good, "analyses", FAILED) == 0
    assert again(asking, dead, "analyses", FAILED) == 1
    assert asking.pipeline.analyse(dead).results == 1
    assert asking.pipeline.analyse(good).skipped == 1
    assert again(asking, good, "analyses", ALL) == 1
    assert asking.pipeline.analyse(good).results == 1


def test_another_model_or_question_makes_analyses_old(asking: House, server: OllamaServer) -> None:
    key = cleaned(asking, "one")
    asking.pipeline.analyse(key)
    assert chosen(asking, "analyses", OLDER) == []
    folder = asking.home.root / "analyses" / "general"
    shipped = Path(analysis_parts.__file__).parents[1] / "supervisor_core/analysis/profiles/general"
    folder.mkdir(parents=True)
    for path in shipped.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "prompt.txt").write_text("Something else.")
    for what in (What.PROMPT, What.OLDER):
        assert [one.intake for one in chosen(asking, "analyses", Redo(what))] == [key]
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    asking.settings = asking.settings.model_copy(update={"model": "another:1b"})
    server.models["another:1b"] = ""
    assert chosen(asking, "analyses", Redo(What.PROMPT)) == []
    assert again(asking, key, "analyses", OLDER) == 1
    assert asking.pipeline.analyse(key).results == 1
    assert [one.model for one in results(asking, key)] == ["another:1b"]
    assert task(asking, key).state is Work.DONE


def test_a_model_that_is_served_anew_under_its_name_makes_analyses_old(asking: House) -> None:
    key = cleaned(asking, "one")
    asking.pipeline.analyse(key)
    with asking.store.write() as connection:
        connection.execute("UPDATE analysis SET model_digest = 'of yesterday'")
    assert [one.intake for one in chosen(asking, "analyses", OLDER)] == [key]


def test_which_is_served_must_be_known_where_it_decides(
    asking: House, server: OllamaServer
) -> None:
    cleaned(asking, "one")
    server.mode, server.everywhere = Mode.ERROR_500, True
    assert chosen(asking, "analyses", FAILED) == []
    with pytest.raises(Failed):
        chosen(asking, "analyses", OLDER)


def test_enrichments_are_made_again_mode_by_mode(tmp_path: Path) -> None:
    with OllamaServer("qwen2.5vl:7b", "nomic-embed-text:latest") as server:
        house = shelf(tmp_path, server.url, "caption", "title", enrich_tries=1)
        key = put(house, 1)
        run(house, key, "caption", "title")
        (media,) = media_of(house, key)
        for mode in ("caption", "title"):
            assert chosen(house, f"enrichments/{mode}", FAILED) == []
        before = enrichment(house, media, "caption")
        assert again(house, key, "enrichments/caption", ALL) == 1
        run(house, key, "caption", "title")
        after = enrichment(house, media, "caption")
        assert before
        assert after
        assert before.attempt != after.attempt
        questions = house.home.root / "enrichments"
        questions.mkdir()
        (questions / "title.txt").write_text("Name it.")
        changed = Redo(What.PROMPT)
        assert chosen(house, "enrichments/caption", changed) == []
        assert [one.task for one in chosen(house, "enrichments/title", changed)] == [
            "enrichment/title"
        ]


def test_what_was_read_whole_is_read_again_only_by_name(house: House) -> None:
    folder = house.home.root / "profiles"
    folder.mkdir()
    (folder / "looked.toml").write_text("fingerprints = true\n")
    key = house.arrive("sound", profile="looked")
    house.clean(key)
    media = item(house, key).media
    output = item(house, key).output
    assert media
    assert output
    made = Integrity(media.media, output.sha256, house.clock())
    with house.store.write() as connection:
        integrity.put(connection, [made])
        row = {"media": media.media, "task": "integrity/1", "state": "done", "attempts": 1}
        row |= {"lease_epoch": 1, "created": house.clock(), "updated": house.clock()}
        shape = dict.fromkeys(row, "VARCHAR") | {"attempts": "INTEGER", "lease_epoch": "BIGINT"}
        insert(
            connection, "work", shape | {"created": "TIMESTAMPTZ", "updated": "TIMESTAMPTZ"}, [row]
        )
    assert chosen(house, "integrity", FAILED) == []
    assert again(house, key, "integrity", ALL) == 1
    with house.store.read() as connection:
        assert integrity.of(connection, [media.media])[media.media].version == ""


def test_small_pictures_are_drawn_again(house: House) -> None:
    key = cleaned(house, "sound")
    (drawn,) = house.home.thumbnails.rglob("*.jpg")
    assert chosen(house, "thumbnails", FAILED) == []
    assert again(house, key, "thumbnails", ALL, datetime(2999, 1, 1, tzinfo=UTC)) == 1
    assert not drawn.exists()
    house.pipeline.thumbnails(key)
    assert drawn.exists()
    assert again(house, key, "thumbnails", ALL, datetime(2001, 1, 1, tzinfo=UTC)) == 0


def test_a_small_picture_that_failed_is_chosen(house: House) -> None:
    key = cleaned(house, "sound", "other\nthumbnail = DECODE_FAILED")
    assert [(one.intake, one.state) for one in chosen(house, "thumbnails", FAILED)] == [
        (key, "failed")
    ]


def test_what_was_not_taken_in_yet_is_chosen_of_videos(house: House) -> None:
    key = house.record(house.drop("a.png", "sound"))
    assert [(one.intake, one.state) for one in chosen(house, "videos", FAILED)] == [(key, "seen")]
    house.pipeline.import_items(key)
    assert chosen(house, "videos", FAILED) == []


def test_a_wish_survives_the_tags_of_a_run() -> None:
    narrow = Redo(
        What.ALL,
        frozenset({Cleaning.RAW_ASIDE, Cleaning.ROI_MASK}),
        frozenset({Reason.TIMEOUT, Reason.DECODE_FAILED}),
    )
    for redo in (FAILED, ALL, OLDER, narrow):
        assert Redo.of_tags(redo.tags) == redo
    assert Redo.of_tags({}) == FAILED


@pytest.mark.parametrize(
    "tags", [{AGAIN_TAG: "all,failed"}, {AGAIN_TAG: "evrything"}, {LEVEL_TAG: "waiting"}]
)
def test_a_wish_that_nobody_understands_is_said(tags: dict[str, str]) -> None:
    with pytest.raises(Failed) as caught:
        Redo.of_tags(tags)
    assert caught.value.reason is Reason.BAD_CONFIGURATION


def test_assets_are_named_one_by_one_in_the_order_of_lineage() -> None:
    assert each(["enrichments/title", CLEANED, "videos"]) == [
        "videos", CLEANED, "enrichments/title",
    ]  # fmt: skip
    assert len(each(FAMILIES)) == len(FAMILIES) - 1 + 9


def test_a_thousand_failed_intakes_are_chosen_within_a_second(house: House) -> None:
    fill(house, intakes=20_000, failed=1_000)
    for asset in (CLEANED, "thumbnails"):
        chosen(house, asset, FAILED)  # the first reads the file
    started_s = time.perf_counter()
    found = chosen(house, CLEANED, FAILED)
    assert time.perf_counter() - started_s < 1.0
    assert len({one.intake for one in found}) == 1_000


def fill(house: House, intakes: int, failed: int) -> None:
    """So many intakes of three files each, some of which have one that lies aside."""
    template = cleaned(house, "sound")
    with house.store.write() as connection:
        for name in ("arrival", "media"):
            connection.execute(f"CREATE TEMP TABLE one AS SELECT * FROM {name}")
            replaced = "concat(printf('%08d', 20200101 + n // 3 // 40), '_', n // 3) AS intake,"
            intake = replaced if name == "arrival" else f"CASE WHEN n % 3 = 0 AND n < {3 * failed}"
            intake += (
                "" if name == "arrival" else " THEN 'raw_aside' ELSE cleaning END AS cleaning,"
            )
            connection.execute(
                f"INSERT INTO {name} SELECT one.* REPLACE ({intake} sha256(n::VARCHAR) AS media)"
                f" FROM one, range({3 * intakes}) AS numbers(n)"
            )
            connection.execute("DROP TABLE one")
    assert house.pipeline.summary(template).verified == 1
