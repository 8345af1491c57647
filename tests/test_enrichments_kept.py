"""What people have said stays and is read, and what may be the same is hinted at."""

import json

import enrichment_parts
import pytest
from enrichment_parts import fill, know, media_of, put, result, rows, run, task
from ollama_server import Mode, OllamaServer
from pipeline_parts import House

from supervisor_core.states import Work
from supervisor_core.store import fields, tags

server, house = enrichment_parts.server, enrichment_parts.house


def test_what_a_person_has_written_stays_and_is_what_others_read(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    run(house, key)
    with house.store.write() as connection:
        fields.edit(connection, media, "caption", "My boat.", "ada", house.store.now())
    run(house, key, "caption", force=True)
    with house.store.read() as connection:
        field = fields.of(connection, [media])[media]["caption"]
    assert (field.value, field.source, field.locked, field.who) == (
        "My boat.",
        "human",
        True,
        "ada",
    )
    server.requests.clear()
    assert run(house, key, "prompt_recon")["prompt_recon"].results == 1
    assert "My boat." in server.asked[0].prompt
    with house.store.write() as connection:
        fields.unlock(connection, media, "caption", "ada", house.store.now())
    run(house, key, "caption", force=True)
    with house.store.read() as connection:
        field = fields.of(connection, [media])[media]["caption"]
    assert field.source == "model:caption"
    told = [
        json.loads(row["detail"]) for row in rows(house, "SELECT * FROM audit ORDER BY happened")
    ]
    assert [one["field"] for one in told] == ["caption", "caption"]
    assert json.loads(told[0]["before"])["source"] == "model:caption"
    assert json.loads(told[0]["after"])["value"] == '"My boat."'


def test_a_tag_that_no_raw_tag_says_is_not_kept(house: House, server: OllamaServer) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    know(house, media, "x", "Long Hair", "smlie")
    entry = {"raw": "smlie", "normalized": "smile", "confidence": 0.9, "type": "subject"}
    server.answer = lambda one: fill(
        one.format,
        tags_normalized=["long_hair", "smile", "millionaire"],
        tags_map=[entry, {**entry, "raw": "never given", "normalized": "millionaire"}],
    )
    assert run(house, key, "tags_normalize")["tags_normalize"].degraded == 1
    found = result(house, media, "tags_normalize")
    assert found is not None
    assert found.result["tags_normalized"] == ["long_hair", "smile"]
    assert found.flaws == ("entries:tags_map", "unproven:tags_normalized")
    with house.store.read() as connection:
        known = [one for one in tags.of(connection, [media])[media] if one.source != "file"]
    assert {(one.namespace, one.name, one.source) for one in known} == {
        ("", "long_hair", "model:tags_normalize"),
        ("subject", "smile", "model:tags_normalize"),
    }


@pytest.mark.campaign
def test_vectors_that_point_the_same_way_are_hinted_at_from_both_sides(
    house: House, server: OllamaServer
) -> None:
    first = put(house, 1)
    (one,) = media_of(house, first)
    server.vectors = lambda texts: [[1.0, 0.0, 0.1]] * len(texts)
    run(house, first)
    found = result(house, one, "dupe_hints")
    assert found is not None
    assert found.result["hints"] == []
    second = put(house, 2)
    (other,) = media_of(house, second)
    run(house, second)
    mine = result(house, other, "dupe_hints")
    assert mine is not None
    assert [(hint["media"], hint["by"]) for hint in mine.result["hints"]] == [(one, ["vectors"])]
    assert mine.result["source"] == "computed"
    queued = task(house, one, "dupe_hints")
    assert queued is not None
    assert queued.state is Work.QUEUED
    run(house, first, "dupe_hints")
    found = result(house, one, "dupe_hints")
    assert found is not None
    assert [hint["media"] for hint in found.result["hints"]] == [other]
    back = task(house, other, "dupe_hints")
    assert back is not None
    assert back.state is Work.DONE


def test_without_vectors_hints_come_from_fingerprints_alone_and_say_so(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1, 2)
    one, other = media_of(house, key)
    server.mode = Mode.REFUSED
    with house.store.write() as connection:
        now = house.store.now()
        for number, media in enumerate((one, other)):
            connection.execute(
                "INSERT INTO fingerprint VALUES (?, ?, 'still', 'x', ?, '\\x00', NULL, '\\x00',"
                " NULL, ?, ?)",
                [media, media, number, now, now],
            )
        connection.execute(
            "INSERT INTO near_pair VALUES (?, ?, ?, ?, 'still', 12, true, NULL, NULL, true, ?)",
            [other, other, one, one, now],
        )
    report = run(house, key, "dupe_hints")["dupe_hints"]
    assert report.degraded == 2
    found = result(house, one, "dupe_hints")
    assert found is not None
    (hint,) = found.result["hints"]
    assert (hint["media"], hint["by"], hint["distance"]) == (other, ["fingerprints"], 12)
    assert hint["mirrored"] is True
    assert found.flaws == ("input:embed",)
    assert server.asked == []
