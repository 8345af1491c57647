"""Enrichment in Dagster: the runs that are asked for, what they do, what checks say of it."""

from pathlib import Path
from typing import Any

import dagster as dg
import enrichment_parts
import pytest
from analysis_parts import SMALL
from enrichment_parts import ALL, EMBED_MODEL, fill, media_of, put, result, run, shelf, task
from ollama_server import Mode, OllamaServer
from pipeline_parts import House
from sensor_parts import acted
from sensor_parts import instance as instance

from resources import StoreResource
from sensors.enrichments import enrichments as enrichments_sensor
from sensors.requests import requests
from supervisor_assets.definitions import definitions_for
from supervisor_assets.enrichments.assets import enrichments
from supervisor_assets.enrichments.checks import SPECS, enrichment_levels
from supervisor_assets.jobs import enrich_intake
from supervisor_assets.requests import PRIORITY_TAG
from supervisor_core.deadline import Worker
from supervisor_core.keys import IntakeKey, MediaKey
from supervisor_core.reasons import Reason
from supervisor_core.states import Work
from supervisor_core.store import requests as wishes
from supervisor_core.store import tags
from supervisor_core.store.enrichment_wishes import cancel, remove
from supervisor_core.store.requests import Verb
from supervisor_core.store.tags import Tag

server = enrichment_parts.server


@pytest.fixture
def house(tmp_path: Path, server: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> House:
    known = SMALL | {"ollama_url": server.url, "embed_model": EMBED_MODEL}
    for name, value in known.items():
        monkeypatch.setenv(f"SUPERVISOR_{name.upper()}", str(value))
    return shelf(tmp_path, server.url)


def resources(house: House) -> dict[str, Any]:
    return {"pipeline": acted(house), "store": StoreResource(home=str(house.home.root))}


def tick(
    sensor: dg.SensorDefinition, house: House, instance: dg.DagsterInstance
) -> list[dg.RunRequest]:
    with dg.build_sensor_context(instance=instance, resources=resources(house)) as context:
        found = sensor(context)
    assert isinstance(found, dg.SensorResult | dg.SkipReason)
    return list(found.run_requests or ()) if isinstance(found, dg.SensorResult) else []


def modes_of(one: dg.RunRequest) -> list[str]:
    return [key.path[-1] for key in one.asset_selection or ()]


def execute(
    house: House, instance: dg.DagsterInstance, wanted: dg.RunRequest
) -> dg.ExecuteInProcessResult:
    """Runs what a sensor asked for."""
    definitions = dg.Definitions(
        assets=enrichments, asset_checks=[enrichment_levels], jobs=[enrich_intake],
        resources=resources(house),
    )  # fmt: skip
    key = str(wanted.partition_key)
    instance.add_dynamic_partitions("intake", [key])
    return definitions.resolve_job_def(enrich_intake.name).execute_in_process(
        instance=instance,
        partition_key=key,
        asset_selection=list(wanted.asset_selection or ()) or None,
        run_config=wanted.run_config,
    )


def test_what_waits_is_asked_for_and_one_run_does_all_modes(
    house: House, instance: dg.DagsterInstance, server: OllamaServer
) -> None:
    assert tick(enrichments_sensor, house, instance) == []
    assert server.requests == []
    key = put(house, 1, 2)
    (wanted,) = tick(enrichments_sensor, house, instance)
    assert (wanted.partition_key, modes_of(wanted)) == (key, list(ALL))
    done = execute(house, instance, wanted)
    assert done.success
    for mode in ("caption", "prompt_recon", "embed", "dupe_hints"):
        (made,) = done.asset_materializations_for_node(f"enrichments__{mode}")
        assert made.metadata["done"].value == 2
    assert house.pipeline.unenriched() == []
    assert tick(enrichments_sensor, house, instance) == []


def test_while_models_are_away_what_needs_none_is_done_and_the_rest_says_why(
    house: House, instance: dg.DagsterInstance, server: OllamaServer
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    server.mode = Mode.REFUSED
    (wanted,) = tick(enrichments_sensor, house, instance)
    assert modes_of(wanted) == ["quality", "dupe_hints"]
    for mode in ("caption", "embed"):
        found = task(house, media, mode)
        assert found is not None
        assert (found.state, found.attempts) == (Work.BLOCKED, 0)
    assert execute(house, instance, wanted).success
    measured = result(house, media, "quality")
    assert measured is not None
    assert measured.result["model"] is False
    assert tick(enrichments_sensor, house, instance) == []
    server.mode = Mode.OK
    (again,) = tick(enrichments_sensor, house, instance)
    assert set(modes_of(again)) == set(ALL) - {"dupe_hints"} | {"dupe_hints"}


def test_only_the_model_that_is_missing_holds_its_modes_back(
    house: House, instance: dg.DagsterInstance, server: OllamaServer
) -> None:
    put(house, 1)
    server.models.pop(EMBED_MODEL)
    (wanted,) = tick(enrichments_sensor, house, instance)
    assert "embed" not in modes_of(wanted)
    assert {"caption", "prompt_recon", "dupe_hints"} <= set(modes_of(wanted))


@pytest.mark.campaign
def test_corrected_tags_go_before_new_media(
    house: House, instance: dg.DagsterInstance, server: OllamaServer
) -> None:
    first = put(house, 1)
    (media,) = media_of(house, first)
    run(house, first)
    new = put(house, 2)
    with house.store.write() as connection:
        tags.put(connection, media, [Tag("sea")], "human", house.store.now())
    found = tick(enrichments_sensor, house, instance)
    assert [one.partition_key for one in found] == [first, new]
    assert found[0].tags[PRIORITY_TAG] == "1"
    assert PRIORITY_TAG not in found[1].tags
    assert modes_of(found[0]) == ["tags_normalize", "prompt_recon", "embed", "dupe_hints"]
    assert execute(house, instance, found[0]).success
    assert [one.intake for one in house.pipeline.unenriched()] == [new]


def ask(house: House, key: IntakeKey, **detail: Any) -> str:
    with house.store.write() as connection:
        return wishes.ask(connection, Verb.ENRICH, key, "cli", house.store.now(), detail)


def test_a_request_becomes_a_run_of_just_that(
    house: House, instance: dg.DagsterInstance, server: OllamaServer
) -> None:
    key = put(house, 1, 2)
    first, second = media_of(house, key)
    run(house, key, "title")
    server.requests.clear()
    ask(house, key, modes="title", media=first[:16], force=1)
    ask(house, key, modes="caption", media=second, limit=5)
    found = tick(requests, house, instance)
    assert [modes_of(one) for one in found] == [["title"], ["caption"]]
    for one in found:
        assert execute(house, instance, one).success
    assert len(server.asked) == 2
    assert result(house, first, "caption") is None
    assert result(house, second, "caption") is not None


def test_a_request_for_what_is_no_mode_fails_with_its_reason(
    house: House, instance: dg.DagsterInstance
) -> None:
    ask(house, put(house, 1), modes="poem")
    assert tick(requests, house, instance) == []
    with house.store.read() as connection:
        (row,) = connection.execute("SELECT state, reason FROM request").fetchall()
    assert row == ("failed", Reason.UNKNOWN_MODE)


def test_checks_tell_what_is_wrong_with_each_mode(
    house: House, instance: dg.DagsterInstance, server: OllamaServer
) -> None:
    house.settings = house.settings.model_copy(update={"service_minimum": 2})
    key = put(house, 1, 2)
    server.answer = lambda one: (
        "nothing" if "caption" in one.format["properties"] else fill(one.format, rationale=None)
    )
    run(house, key, "caption", "title")
    house.clock.turn(2 * house.settings.enrich_oldest_s)
    house.pipeline.queue_enrichments(key, ["quality"], [], force=False)
    house.clock.turn(2 * house.settings.enrich_oldest_s)
    # The answers are still within a window that is long enough.
    house.settings = house.settings.model_copy(update={"service_window_s": 1e7})
    definitions = definitions_for(str(house.home.root))
    assert {spec.key for spec in SPECS} <= definitions.resolve_asset_graph().asset_check_keys
    outcome = dg.materialize(
        [*enrichments, enrichment_levels],
        selection=dg.AssetSelection.checks(enrichment_levels),
        resources=resources(house),
        instance=instance,
    )
    failed = {
        (one.asset_key.path[-1], one.check_name)
        for one in outcome.get_asset_check_evaluations()
        if not one.passed
    }
    assert failed == {
        ("caption", "schema_valid_ratio"),
        ("title", "degraded_ratio"),
        ("quality", "oldest_queued"),
        ("quality", "queue_idle"),
    }


@pytest.mark.campaign
def test_cancelling_ends_a_question_under_way_and_leaves_the_others(
    tmp_path: Path, server: OllamaServer
) -> None:
    with Worker() as worker:
        house = shelf(
            tmp_path, server.url, "caption", worker=worker, model_read_s=20.0, model_total_s=20.0
        )
        key = put(house, 1)
        (media,) = media_of(house, key)
        server.mode = Mode.SILENT
        import threading

        def stop() -> None:
            while not server.asked:
                server.stopping.wait(0.02)
            with house.store.write() as connection:
                cancel(connection, [media], ["caption"], "ada", house.store.now())

        stopping = threading.Thread(target=stop)
        stopping.start()
        report = run(house, key, "caption")["caption"]
        stopping.join()
    assert (report.busy, report.results) == (1, 0)
    found = task(house, media, "caption")
    assert found is not None
    assert (found.state, found.reason) == (Work.CANCELLED, Reason.CANCELLED)
    server.mode = Mode.OK
    assert run(house, key, "caption")["caption"].skipped == 1
    assert house.pipeline.unenriched() == []


@pytest.mark.campaign
def test_removing_leaves_nothing_of_a_machine_and_is_not_undone_by_itself(
    house: House, server: OllamaServer
) -> None:
    key = put(house, 1)
    (media,) = media_of(house, key)
    run(house, key)
    with house.store.write() as connection:
        assert remove(connection, [media], ["embed", "caption"], "ada", house.store.now()) == 2
    assert result(house, media, "caption") is None
    with house.store.read() as connection:
        assert connection.execute("SELECT count(*) FROM embedding").fetchone() == (0,)
        names = connection.execute("SELECT name FROM field").fetchall()
    assert ("caption",) not in names
    assert "caption" not in {name for one in house.pipeline.unenriched() for name in one.modes}
    house.pipeline.queue_enrichments(key, ["caption"], [MediaKey(media)], force=False)
    assert run(house, key, "caption")["caption"].done == 1
