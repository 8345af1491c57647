"""Taking files from a folder of strangers, publishing them, and dying in between."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor_core.faults import VARIABLE
from supervisor_core.media import taking
from supervisor_core.media.files import open_regular, publish, require_free
from supervisor_core.media.hashing import sha256_of
from supervisor_core.media.taking import take
from supervisor_core.reasons import Failed, Reason

Swap = Callable[[], None]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return make(tmp_path / "inbox")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make(tmp_path / "raw")


@pytest.fixture
def other_disk(tmp_path: Path) -> Path:
    """A folder on another file system than the tests' own."""
    shared_memory = Path("/dev/shm")
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has no second file system to write to")
    with tempfile.TemporaryDirectory(dir=shared_memory) as folder:
        yield Path(folder)


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def drop(path: Path, content: bytes = b"pictures") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def reason_of(entry: Path, into: Path, inside: Path | None = None) -> Reason:
    with pytest.raises(Failed) as caught:
        take(entry, into, inside)
    return caught.value.reason


def test_a_file_moves_with_its_content_and_times(inbox: Path, raw: Path) -> None:
    entry = drop(inbox / "upload" / "a.mp4")
    os.utime(entry, ns=(1, 123_456_789_000))
    number = entry.stat().st_ino
    assert take(entry, raw / "1", inbox) == raw / "1"
    assert not entry.exists()
    assert (raw / "1").read_bytes() == b"pictures"
    assert ((raw / "1").stat().st_ino, (raw / "1").stat().st_mtime_ns) == (number, 123_456_789_000)


def test_nothing_that_is_no_file_is_taken(inbox: Path, raw: Path, tmp_path: Path) -> None:
    secret = drop(tmp_path / "secret.mp4")
    (inbox / "link.mp4").symlink_to(secret)
    (inbox / "nowhere.mp4").symlink_to(tmp_path / "missing")
    os.mkfifo(inbox / "pipe.mp4")
    make(inbox / "folder.mp4")
    for name in ("link.mp4", "nowhere.mp4", "pipe.mp4", "folder.mp4"):
        assert reason_of(inbox / name, raw / "1") is Reason.NOT_A_FILE
        assert os.path.lexists(inbox / name)
    assert secret.exists()
    assert list(raw.iterdir()) == []


def test_a_folder_that_leads_out_is_not_entered(inbox: Path, raw: Path, tmp_path: Path) -> None:
    secret = drop(tmp_path / "elsewhere" / "deep" / "secret.mp4")
    (inbox / "upload").symlink_to(tmp_path / "elsewhere")
    make(inbox / "good")
    (inbox / "good" / "deep").symlink_to(secret.parent)
    assert reason_of(inbox / "upload" / "deep" / "secret.mp4", raw / "1", inbox) is (
        Reason.NOT_A_FILE
    )
    assert reason_of(inbox / "good" / "deep" / "secret.mp4", raw / "1", inbox) is Reason.NOT_A_FILE
    assert reason_of(inbox / ".." / "elsewhere" / "deep" / "secret.mp4", raw / "1", inbox) is (
        Reason.NOT_A_FILE
    )
    assert reason_of(secret, raw / "1", inbox) is Reason.NOT_A_FILE
    assert secret.exists()


def test_what_is_gone_is_not_found(inbox: Path, raw: Path) -> None:
    assert reason_of(inbox / "a.mp4", raw / "1", inbox) is Reason.FILE_NOT_FOUND
    assert reason_of(inbox / "b" / "a.mp4", raw / "1", inbox) is Reason.FILE_NOT_FOUND


def test_what_was_taken_already_is_a_success(inbox: Path, raw: Path) -> None:
    entry = drop(inbox / "a.mp4")
    take(entry, raw / "1")
    assert take(entry, raw / "1") == raw / "1"


def test_nothing_is_ever_overwritten(inbox: Path, raw: Path) -> None:
    drop(raw / "1", b"someone else's")
    entry = drop(inbox / "a.mp4")
    assert reason_of(entry, raw / "1") is Reason.INTERNAL_ERROR
    assert (raw / "1").read_bytes() == b"someone else's"
    assert entry.read_bytes() == b"pictures"


def test_a_file_with_a_second_name_is_copied(inbox: Path, raw: Path, tmp_path: Path) -> None:
    """Whoever holds the other name could change our raw file under its hash."""
    entry = drop(inbox / "a.mp4")
    (tmp_path / "theirs.mp4").hardlink_to(entry)
    take(entry, raw / "1")
    (tmp_path / "theirs.mp4").write_bytes(b"changed!")
    assert (raw / "1").read_bytes() == b"pictures"
    assert not entry.exists()
    assert not list(raw.glob("*.part"))


def test_across_disks_a_copy_is_made_and_the_source_leaves_last(
    other_disk: Path, raw: Path
) -> None:
    entry = drop(other_disk / "a.mp4", os.urandom(3_000_000))
    os.utime(entry, ns=(1, 123_456_789_000))
    digest = sha256_of(entry)
    take(entry, raw / "1")
    assert not entry.exists()
    assert sha256_of(raw / "1") == digest
    assert (raw / "1").stat().st_mtime_ns == 123_456_789_000
    assert not list(raw.glob("*.part"))


def test_a_copy_that_died_is_finished(other_disk: Path, raw: Path) -> None:
    entry = drop(other_disk / "a.mp4")
    (raw / "1.part").write_bytes(b"pict")
    die(f"take(Path({str(entry)!r}), Path({str(raw / '1')!r}))", "take.copied")
    assert entry.exists()
    assert (raw / "1").read_bytes() == b"pictures"
    assert take(entry, raw / "1") == raw / "1"
    assert not entry.exists()


def test_a_move_that_died_is_finished(inbox: Path, raw: Path) -> None:
    entry = drop(inbox / "a.mp4")
    die(f"take(Path({str(entry)!r}), Path({str(raw / '1')!r}))", "take.renamed")
    assert take(entry, raw / "1").read_bytes() == b"pictures"


@pytest.mark.parametrize(("point", "named"), [("publish.synced", False), ("publish.renamed", True)])
def test_a_published_name_exists_whole_or_not_at_all(
    tmp_path: Path, point: str, named: bool
) -> None:
    part, final = drop(tmp_path / "work" / "a.part"), tmp_path / "cleaned" / "ab" / "a.mp4"
    die(f"publish(Path({str(part)!r}), Path({str(final)!r}))", point)
    assert (final.exists(), part.exists()) == (named, not named)
    if not named:
        publish(part, final)
    assert final.read_bytes() == b"pictures"


def die(call: str, point: str) -> None:
    program = (
        "from pathlib import Path\n"
        "from supervisor_core.media.files import publish\n"
        "from supervisor_core.media.taking import take\n" + call
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, VARIABLE: point}, check=False
    )
    assert done.returncode == -9


def test_a_file_swapped_in_the_last_moment_goes_back(
    inbox: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = drop(tmp_path / "secret.mp4", b"secret")
    swaps: list[Swap] = [
        lambda: drop(inbox / "new", b"dropped again").replace(inbox / "a.mp4"),
        lambda: ((inbox / "l").symlink_to(secret), (inbox / "l").replace(inbox / "a.mp4")),
    ]
    rename = os.rename
    for swap in swaps:
        entry = drop(inbox / "a.mp4")

        def swapped(*paths: object, swap: Swap = swap, **folders: object) -> None:
            swap()
            rename(*paths, **folders)  # type: ignore[arg-type]

        monkeypatch.setattr(taking.os, "rename", swapped)
        assert reason_of(entry, raw / "1") is Reason.FILE_CHANGED
        monkeypatch.setattr(taking.os, "rename", rename)
        assert os.path.lexists(entry)
        assert list(raw.iterdir()) == []
        entry.unlink()
    assert secret.read_bytes() == b"secret"


def test_a_file_still_being_written_is_not_copied(
    other_disk: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = drop(other_disk / "a.mp4")
    copy = taking.shutil.copyfileobj

    def copy_while_it_grows(source: object, target: object, length: int) -> None:
        copy(source, target, length)  # type: ignore[misc]
        with entry.open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(taking.shutil, "copyfileobj", copy_while_it_grows)
    assert reason_of(entry, raw / "1") is Reason.FILE_CHANGED
    assert entry.read_bytes() == b"picturesmore"
    assert list(raw.iterdir()) == []


FILE_NAMES = st.binary(min_size=1, max_size=250).filter(
    lambda name: name not in (b".", b"..") and not set(name) & {0, ord("/")}
)


@given(FILE_NAMES, st.binary(max_size=100))
def test_any_name_that_a_disk_can_hold_is_taken(name: bytes, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        inbox, raw = make(Path(place, "inbox")), make(Path(place, "raw"))
        entry = drop(inbox / os.fsdecode(name), content)
        assert take(entry, raw / "1", inbox).read_bytes() == content
        assert list(inbox.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_without_permission(inbox: Path) -> None:
    entry = drop(inbox / "a.mp4")
    entry.chmod(0)
    with pytest.raises(Failed) as caught:
        open_regular(entry)
    assert caught.value.reason is Reason.FILE_NOT_READABLE


def test_publishing_replaces_and_crosses_disks(tmp_path: Path, other_disk: Path) -> None:
    final = drop(tmp_path / "a.mp4", b"old")
    part = drop(other_disk / "a.part", b"new")
    assert publish(part, final).read_bytes() == b"new"
    assert not part.exists()
    assert not list(tmp_path.glob("*.part"))


def test_a_full_disk_is_seen_before_it_is_full(tmp_path: Path) -> None:
    require_free(tmp_path, 1, reserve_bytes=0)
    with pytest.raises(Failed) as caught:
        require_free(tmp_path, 10**18)
    assert caught.value.reason is Reason.DISK_FULL
    assert caught.value.facts["needed_bytes"] == 10**18


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    content = os.urandom(2_500_000)
    assert sha256_of(drop(tmp_path / "a", content)) == hashlib.sha256(content).hexdigest()
    with pytest.raises(Failed) as caught:
        sha256_of(tmp_path / "gone")
    assert caught.value.reason is Reason.FILE_NOT_FOUND
