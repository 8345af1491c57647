"""What the store keeps of integrity and looks: one row a media, renewed with its file."""

from dataclasses import replace
from pathlib import Path

from store_builders import NOON, media_key, open_store

from supervisor_core.reasons import Reason
from supervisor_core.store import fingerprints, integrity
from supervisor_core.store.fingerprints import Kind, StoredFingerprint
from supervisor_core.store.integrity import Integrity


def still(word: str, output: str = "1", hashes: bytes = bytes(range(32))) -> StoredFingerprint:
    return StoredFingerprint(media_key(word), output, hashes, bytes([90]), NOON, mirrors=bytes(32))


def test_a_fingerprint_comes_back_as_it_was(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    film = StoredFingerprint(
        media_key("film"), "f", bytes(64), bytes([1, 2]), NOON, Kind.VIDEO, times_s=bytes(8)
    )
    with store.write() as connection:
        fingerprints.put(connection, [still("a"), film])
    with store.read() as connection:
        found = fingerprints.of(connection, [media_key("a"), film.media, media_key("other")])
    assert found == {
        media_key("a"): replace(still("a"), number=1),
        film.media: replace(film, number=2),
    }


def test_the_same_file_keeps_its_number_and_another_gets_the_next(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.write() as connection:
        fingerprints.put(connection, [still("a"), still("b")])
    with store.write() as connection:
        fingerprints.put(connection, [still("a", "2"), still("b", hashes=bytes(32)), still("c")])
    with store.read() as connection:
        found = fingerprints.of(connection, map(media_key, "abc"))
        made_of = fingerprints.made_of(connection, map(media_key, "abcd"))
    assert {one.media: one.number for one in found.values()} == {
        media_key("a"): 3,
        media_key("b"): 2,
        media_key("c"): 4,
    }
    assert found[media_key("b")].hashes == bytes(range(32))
    assert made_of == {media_key("a"): "2", media_key("b"): "1", media_key("c"): "1"}


def test_a_later_check_takes_the_place_of_the_former(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    bad = Integrity(media_key("a"), "x", NOON, Reason.DECODE_FAILED, 3, 0.5)
    good = Integrity(media_key("b"), "y", NOON, frames=7)
    with store.write() as connection:
        integrity.put(connection, [bad, good, good])
    with store.read() as connection:
        assert integrity.of(connection, [bad.media, good.media]) == {
            bad.media: bad,
            good.media: good,
        }
        assert integrity.broken(connection) == [bad]
    with store.write() as connection:
        integrity.put(connection, [replace(bad, code=None)])
    with store.read() as connection:
        assert integrity.broken(connection) == []
