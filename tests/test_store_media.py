"""Media, their outputs, the gate before them, and what people asked for."""

from fractions import Fraction
from pathlib import Path

import pytest
from store_builders import NOON, media, media_key, open_store, output

from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning, Review, Verification
from supervisor_core.store import Store, audit, gate, identifiers, outputs, requests
from supervisor_core.store import media as media_table
from supervisor_core.store.audit import Deed
from supervisor_core.store.identifiers import Identifier
from supervisor_core.store.media import Media


def keep(store: Store, *known: Media) -> None:
    with store.write() as connection:
        media_table.add(connection, known, NOON)


def test_everything_that_is_known_of_a_file_comes_back(tmp_path: Path) -> None:
    info = MediaInfo(
        container=Container.MATROSKA,
        codec="vp9",
        width=1081,
        height=1920,
        size_bytes=2**40,
        frames=None,
        seconds=12.345,
        frames_per_second=29.97,
        rotation=90,
        mirrored=True,
        has_audio=True,
        stream_count=4,
        pixel_format="yuv420p10le",
        bit_depth=10,
        sample_aspect=Fraction(4, 3),
        full_range=True,
    )
    one = Media(
        media=media_key("whole"),
        info=info,
        raw_path="aside/ab/x.mkv",
        cleaning=Cleaning.RAW_ASIDE,
        next_level=None,
        verification=Verification.TIMEOUT,
        review=Review.HELD,
        reason=Reason.VERIFICATION_TIMEOUT,
        rounds=3,
        tried="all_text/drop/- 1",
        not_before=NOON,
        lease_owner="me",
        lease_epoch=7,
        lease_until=NOON,
    )
    store = open_store(tmp_path)
    keep(store, one)
    with store.read() as connection:
        assert media_table.load(connection, [one.media]) == {one.media: one}
        assert media_table.load(connection, []) == {}


def test_only_the_latest_output_is_the_current_one(tmp_path: Path) -> None:
    store, one = open_store(tmp_path), media()
    first, second = output(one), output(one, level="roi_mask", sha256="b" * 64)
    newer = output(one, code_version="2", sha256="c" * 64)
    for made in (first, second, newer):
        with store.write() as connection:
            outputs.save(connection, [made])
    with store.read() as connection:
        assert outputs.current(connection, [one.media]) == {one.media: newer}
        former = outputs.former(connection, [one.media])
        assert outputs.former(connection, [media_key("other")]) == []
    assert {(made.level, made.current) for made in former} == {
        ("frame_level", False),
        ("roi_mask", False),
    }


def test_the_same_output_again_is_one_row(tmp_path: Path) -> None:
    store, one = open_store(tmp_path), media()
    for regions in (1, 2):
        with store.write() as connection:
            outputs.save(connection, [output(one, regions=regions)])
    with store.read() as connection:
        assert connection.execute("SELECT count(*), max(regions) FROM output").fetchone() == (1, 2)


CLEAN = {
    "cleaning": Cleaning.FRAME_LEVEL,
    "next_level": None,
    "verification": Verification.VERIFIED,
}


def passes(tmp_path: Path, one: Media, *made: outputs.Output) -> gate.Readable:
    store = open_store(tmp_path)
    keep(store, one)
    with store.write() as connection:
        outputs.save(connection, list(made))
    with store.read() as connection:
        return gate.require_verified(connection, one.media)


def refuses(tmp_path: Path, one: Media, *made: outputs.Output) -> bool:
    with pytest.raises(Failed) as caught:
        passes(tmp_path, one, *made)
    return caught.value.reason is Reason.NOT_VERIFIED


def test_a_verified_output_passes_the_gate(tmp_path: Path) -> None:
    one = media(**CLEAN)
    made = output(one, verified_at=NOON)
    found = passes(tmp_path, one, made)
    assert found == gate.Readable(one.media, made.sha256, "cleaned/x.png", made.size_bytes)


def test_what_needs_no_cleaning_passes_as_it_is(tmp_path: Path) -> None:
    one = media(cleaning=Cleaning.NOT_REQUIRED, next_level=None)
    readable = gate.Readable(one.media, one.media, one.raw_path, one.info.size_bytes)
    assert passes(tmp_path, one) == readable


@pytest.mark.parametrize("cleaning", [Cleaning.WAITING, Cleaning.RUNNING, Cleaning.RAW_ASIDE])
def test_no_level_no_passage(tmp_path: Path, cleaning: Cleaning) -> None:
    one = media(**CLEAN | {"cleaning": cleaning})
    assert refuses(tmp_path, one, output(one, verified_at=NOON))


@pytest.mark.parametrize(
    "verification", [Verification.NONE, Verification.RESIDUAL, Verification.TIMEOUT]
)
def test_not_verified_no_passage(tmp_path: Path, verification: Verification) -> None:
    one = media(**CLEAN | {"verification": verification})
    assert refuses(tmp_path, one, output(one, verified_at=NOON))


@pytest.mark.parametrize(
    "changes",
    [
        {"verified_at": None},
        {"verified_at": NOON, "current": False},
        {"verified_at": NOON, "path": None},
        {"verified_at": NOON, "level": "roi_mask"},
    ],
)
def test_a_state_without_its_proof_does_not_pass(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    one = media(**CLEAN)
    assert refuses(tmp_path, one, output(one, **changes))


def test_an_unknown_media_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(Failed), open_store(tmp_path).read() as connection:
        gate.require_verified(connection, media_key("nobody"))


def test_a_state_can_not_skip_a_step() -> None:
    with pytest.raises(Failed):
        media(cleaning=Cleaning.RAW_ASIDE).step(cleaning=Cleaning.FRAME_LEVEL)
    with pytest.raises(Failed):
        media(**CLEAN).step(verification=Verification.RESIDUAL)
    with pytest.raises(Failed):
        media(review=Review.NONE).step(review=Review.RELEASED)


def test_what_was_read_replaces_what_was_read_before(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    one = Identifier("m", "patient_name", "Eva Müller", 0.5, 2.0, 10, 20, 100, 30)
    other = Identifier("n", "birth_date", "1.2.1970", 0.0, 0.0, 1, 2, 3, 4)
    with store.restricted() as connection:
        identifiers.replace_all(connection, [one, other], ["m", "n"])
        identifiers.replace_tags(connection, {"m": {"PatientName": "Müller^Eva"}, "n": {"A": "1"}})
    with store.restricted() as connection:
        identifiers.replace_all(connection, [], ["n"])
        identifiers.replace_tags(connection, {"n": {"B": "2"}})
    with store.restricted() as connection:
        assert identifiers.of_media(connection, ["m", "n"]) == [one]
        assert identifiers.tags_of(connection, "m") == {"PatientName": "Müller^Eva"}
        assert identifiers.tags_of(connection, "n") == {"B": "2"}


def test_a_request_is_queued_once_and_goes_its_way(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.write() as connection:
        first = requests.ask(connection, requests.Verb.RECLEAN, "20260504_A", "cli", NOON)
        same = requests.ask(connection, requests.Verb.RECLEAN, "20260504_A", "cli", NOON)
        other = requests.ask(
            connection, requests.Verb.RETRY, "20260504_A", "cli", NOON, {"level": 1}
        )
    assert first == same != other
    with store.write() as connection:
        requests.move(connection, first, requests.State.FAILED, NOON, Reason.STORE_BUSY)
        again = requests.ask(connection, requests.Verb.RECLEAN, "20260504_A", "cli", NOON)
    with store.read() as connection:
        left = requests.queued(connection, 10)
        assert len(requests.queued(connection, 1)) == 1
    assert {one.id for one in left} == {other, again}
    assert {one.detail.get("level") for one in left} == {1, None}


def test_the_audit_keeps_who_did_what(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    deed = Deed("set_aside", "a" * 64, {"reason": "TIMEOUT", "rounds": 1})
    with store.write() as connection:
        audit.write(connection, "run:1", [deed], NOON)
    with store.read() as connection:
        assert audit.of_subject(connection, "a" * 64) == [deed]
        assert audit.of_subject(connection, "b" * 64) == []
