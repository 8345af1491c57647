"""Integrity and fingerprints of real files, from the inbox to what the store says of them."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from look_parts import Gallery, film
from media_builders import write_video
from picture_builders import cropped, painted, scaled
from pipeline_parts import tries
from store_builders import NOON

from supervisor_core.deadline import Worker
from supervisor_core.enrichment import child
from supervisor_core.media.links import link
from supervisor_core.media.policy import load_profile
from supervisor_core.pipeline import comparing
from supervisor_core.pipeline.checking import check_integrity, soundness
from supervisor_core.pipeline.fingerprinting import take_fingerprints
from supervisor_core.reasons import Failed, Reason
from supervisor_core.states import Cleaning, Verification
from supervisor_core.store import fingerprints, integrity
from supervisor_core.store import media as media_table
from supervisor_core.store.fingerprints import Likeness


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return Gallery(tmp_path)


def check(gallery: Gallery, key: str):
    return gallery.pipeline.do(check_integrity, key)


def look(gallery: Gallery, key: str):
    return gallery.pipeline.do(take_fingerprints, key)


def pairs_of(gallery: Gallery, media: str) -> list[fingerprints.Pair]:
    with gallery.store.read() as connection:
        return fingerprints.near_to(connection, media)


def test_whole_files_are_right_and_read_once(gallery: Gallery) -> None:
    key = gallery.hang(painted(0), painted(1))
    report = check(gallery, key)
    assert (report.files, report.checked, report.broken) == (2, 2, {})
    again = check(gallery, key)
    assert (again.checked, again.unchanged) == (0, 2)
    media = gallery.media(key)
    with gallery.store.read() as connection:
        found = integrity.of(connection, media)
    assert [one.frames for one in found.values()] == [1, 1]


def test_a_byte_that_flipped_in_the_archive_is_found_when_its_time_has_come(
    gallery: Gallery,
) -> None:
    key = gallery.hang(painted(0), painted(1))
    check(gallery, key)
    path = gallery.raw(key)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    assert check(gallery, key).broken == {}
    gallery.clock.turn(181 * 86400)
    report = check(gallery, key)
    assert (report.checked, report.broken) == (2, {Reason.HASH_MISMATCH: 1})
    assert report.failed == {}  # the work is done: that is its result
    assert soundness(gallery.pipeline._context, key).right == 1


def test_a_file_is_read_where_it_lies_and_one_that_was_written_since_is_told_so(
    gallery: Gallery, tmp_path: Path
) -> None:
    key = gallery.hang(painted(0))
    outside = tmp_path / "outside.png"
    gallery.raw(key).rename(outside)
    link(outside, gallery.raw(key), outside.stat().st_mtime_ns)
    assert check(gallery, key).broken == {}
    assert look(gallery, key).taken == 1
    os.utime(outside, ns=(1, 1))
    gallery.clock.turn(181 * 86400)
    assert check(gallery, key).broken == {Reason.FILE_CHANGED: 1}


def test_what_was_put_right_is_read_again_a_day_later(gallery: Gallery) -> None:
    key = gallery.hang(painted(0))
    path = gallery.raw(key)
    kept = path.read_bytes()
    path.unlink()
    assert check(gallery, key).broken == {Reason.FILE_NOT_FOUND: 1}
    path.write_bytes(kept)
    assert check(gallery, key).broken == {Reason.FILE_NOT_FOUND: 1}
    gallery.clock.turn(86401)
    assert check(gallery, key).broken == {}


def test_a_film_whose_end_is_missing_is_told_from_a_whole_one(
    gallery: Gallery, tmp_path: Path
) -> None:
    whole = gallery.raw(gallery.show(film()))
    assert child.check_file(whole, _hash(whole)) == 40
    cut = tmp_path / "cut.mp4"
    moved = _index_first(whole, tmp_path / "fast.mp4")
    cut.write_bytes(moved.read_bytes()[: int(moved.stat().st_size * 0.7)])
    with pytest.raises(Failed) as caught:
        child.check_file(cut, _hash(cut))
    assert caught.value.reason in (Reason.FRAMES_MISSING, Reason.DECODE_FAILED)
    stream = tmp_path / "cut.mkv"
    matroska = _as(whole, tmp_path / "whole.mkv")
    assert child.check_file(matroska, _hash(matroska)) == 40
    stream.write_bytes(matroska.read_bytes()[: int(matroska.stat().st_size * 0.6)])
    with pytest.raises(Failed) as caught:
        child.check_file(stream, _hash(stream))
    assert caught.value.reason in (Reason.FRAMES_MISSING, Reason.DECODE_FAILED)


def _hash(path: Path) -> str:
    from supervisor_core.media.hashing import sha256_of

    return sha256_of(path)


def _index_first(source: Path, path: Path) -> Path:
    return _as(source, path, movflags="faststart")


def _as(source: Path, path: Path, **options: str) -> Path:
    import av

    with av.open(f"file:{source}") as old, av.open(f"file:{path}", "w", options=options) as new:
        video = old.streams.video[0]
        stream = new.add_stream_from_template(video)
        for packet in old.demux(video):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    return path


def test_a_decoder_that_hangs_is_ended_and_the_file_counts_as_broken(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = gallery.hang(painted(0))

    def over(*_: object) -> int:
        raise Failed(Reason.TIMEOUT)

    monkeypatch.setattr(child, "check_file", over)
    for _ in range(3):
        assert check(gallery, key).checked == 0
        gallery.clock.turn(10)
    assert soundness(gallery.pipeline._context, key).broken == {Reason.TIMEOUT: 1}
    outcomes = [(step, reason) for step, _, _, reason in tries(gallery, key) if step == "integrity"]
    assert outcomes == [("integrity", Reason.TIMEOUT)] * 3


def test_near_pictures_are_paired_whichever_comes_first_and_only_once(gallery: Gallery) -> None:
    picture = painted(3, 640, 480)
    mirror = np.ascontiguousarray(scaled(picture, 0.5)[:, ::-1])
    first = gallery.hang(picture, painted(4))
    assert look(gallery, first).pairs == 0
    second = gallery.hang(mirror, cropped(picture, 0.04), painted(5))
    report = look(gallery, second)
    assert (report.taken, report.pairs) == (3, 3)
    assert (look(gallery, second).unchanged, look(gallery, second).pairs) == (3, 0)
    original = gallery.media(first)[0]
    found = {one.media: one for one in pairs_of(gallery, original)}
    small, crop, _ = gallery.media(second)
    assert set(found) == {small, crop}
    assert found[small].mirrored
    assert not found[crop].mirrored
    assert pairs_of(gallery, gallery.media(first)[1]) == []


@pytest.mark.campaign
def test_a_clip_is_found_in_its_film_whichever_comes_first(gallery: Gallery) -> None:
    pictures = film(8.0, seed=7)
    short = [scaled(one, 0.75) for one in pictures[25:55]]
    clip = gallery.media(look_at(gallery, short))[0]
    whole = gallery.media(look_at(gallery, pictures))[0]
    later = gallery.media(look_at(gallery, pictures[40:75]))[0]
    look_at(gallery, film(8.0, seed=8))
    found = {one.media: one for one in pairs_of(gallery, whole)}
    assert set(found) == {clip, later}
    assert {one.kind for one in found.values()} == {Likeness.CLIP}
    assert found[clip].offset_s == pytest.approx(2.5, abs=0.3)
    assert found[later].offset_s == pytest.approx(4.0, abs=0.3)


def look_at(gallery: Gallery, pictures: list[np.ndarray]) -> str:
    key = gallery.show(pictures)
    look(gallery, key)
    return key


def test_a_fingerprint_of_another_file_gives_way_and_its_pairs_are_gone(gallery: Gallery) -> None:
    first, second = gallery.hang(painted(3)), gallery.hang(painted(4))
    twin, other = gallery.media(first)[0], gallery.media(second)[0]
    look(gallery, first)
    with gallery.store.read() as connection:
        known = fingerprints.of(connection, [twin])[twin]
    with gallery.store.write() as connection:
        former = replace(known, media=other, output="before")
        fingerprints.put(connection, [former])
        pair = fingerprints.Pair(other, "before", twin, twin, Likeness.STILL, 0, NOON)
        assert fingerprints.put_pairs(connection, [former], [pair], NOON) == 1
    report = look(gallery, second)
    assert (report.taken, report.pairs) == (1, 0)
    assert pairs_of(gallery, twin) == []


def crash(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.campaign
def test_a_comparison_that_crashes_costs_nothing_that_was_found_before(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_at(gallery, film(4.0))
    look(gallery, gallery.hang(painted(3)))
    write_video(gallery.place("again.mkv"), film(4.0), rate=10)
    cv2.imwrite(str(gallery.place("again.jpg")), painted(3))
    key = gallery.take_in("again.mkv", "again.jpg")
    with monkeypatch.context() as patch, Worker() as worker:
        patch.setattr(comparing, "clips_among", crash)
        gallery.worker = worker
        with pytest.raises(Failed) as caught:
            look(gallery, key)
    assert caught.value.reason is Reason.WORKER_CRASHED
    kinds = [pair.kind for media in gallery.media(key) for pair in pairs_of(gallery, media)]
    assert kinds == [Likeness.STILL]
    assert look(gallery, key).pairs == 1


def test_what_does_not_pass_the_gate_is_neither_read_nor_looked_at(gallery: Gallery) -> None:
    key = gallery.hang(painted(0))
    with gallery.store.write() as connection:
        (known,) = media_table.of_intake(connection, key)
        shut = replace(known, cleaning=Cleaning.WAITING, verification=Verification.NONE)
        media_table.save(connection, [shut], NOON)
    assert check(gallery, key).files == 0
    assert look(gallery, key).files == 0
    media = gallery.media(key)
    with gallery.store.read() as connection:
        assert fingerprints.of(connection, media) == {}


def test_a_gate_that_shuts_during_the_work_lets_nothing_be_written(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = gallery.hang(painted(0))
    real = child.fingerprint_file

    def shut(path: Path) -> child.Taken:
        with gallery.store.write() as connection:
            (known,) = media_table.of_intake(connection, key)
            waiting = replace(known, cleaning=Cleaning.WAITING, verification=Verification.NONE)
            media_table.save(connection, [waiting], NOON)
        return real(path)

    monkeypatch.setattr(child, "fingerprint_file", shut)
    report = look(gallery, key)
    assert (report.taken, report.waiting) == (0, {Reason.NOT_VERIFIED: 1})


def test_a_pair_with_what_was_looked_at_anew_meanwhile_is_left_out(gallery: Gallery) -> None:
    first = gallery.hang(painted(3))
    look(gallery, first)
    second = gallery.hang(scaled(painted(3), 0.6))
    twin = gallery.media(first)[0]
    with gallery.store.read() as connection:
        known = fingerprints.of(connection, [twin])[twin]
    stale = fingerprints.Pair(
        gallery.media(second)[0], gallery.media(second)[0], twin, "another file",
        Likeness.STILL, 3, NOON,
    )  # fmt: skip
    with gallery.store.write() as connection:
        assert fingerprints.put_pairs(connection, [known], [stale], NOON) == 0
    assert look(gallery, second).pairs == 1


@pytest.mark.parametrize("name", ["empty", "text"])
def test_what_is_no_media_says_why(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.png"
    path.write_bytes(b"" if name == "empty" else b"no picture " * 9)
    with pytest.raises(Failed) as caught:
        child.check_file(path, _hash(path))
    expected = {"empty": Reason.FILE_EMPTY, "text": Reason.UNSUPPORTED_CONTAINER}
    assert caught.value.reason is expected[name]


def test_a_child_wakes_no_threads_for_small_products_unless_somebody_wants_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with Worker() as worker:
        assert worker.call(os.getenv, "OPENBLAS_NUM_THREADS", limit_s=30.0) == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with Worker() as worker:
        assert worker.call(os.getenv, "OPENBLAS_NUM_THREADS", limit_s=30.0) == "2"


@pytest.mark.parametrize(
    ("text", "looked_at"),
    [
        ('mask = "none"', True),
        ('mask = "none"\nfingerprints = false', False),
        ('mask = "all_text"', False),
        ("fingerprints = true", True),
    ],
)
def test_a_profile_says_whether_its_files_are_compared(
    tmp_path: Path, text: str, looked_at: bool
) -> None:
    (tmp_path / "a.toml").write_text(text)
    assert load_profile("a", tmp_path).looked_at is looked_at
    (tmp_path / "a.toml").write_text('fingerprints = "yes"')
    with pytest.raises(Failed) as caught:
        load_profile("a", tmp_path)
    assert caught.value.reason is Reason.BAD_CONFIGURATION
