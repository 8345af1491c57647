"""What the store does not know is found; it goes to the trash, and never much of it at once."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from supervisor_core.reasons import Failed, Reason
from supervisor_core.recording.orphans import Kind, Total, find_orphans, remove, total_of

OLD = time.time() - 100_000


def lay(path: Path, size_bytes: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size_bytes)
    os.utime(path, (OLD, OLD))
    for folder in path.parents[:2]:
        os.utime(folder, (OLD, OLD))
    return path


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    root = tmp_path / "recordings"
    for number in range(4):
        lay(root / "KNOWN" / f"KNOWN_{number:06d}.ts", 100)
    lay(root / "KNOWN" / "joined" / "part_001.mp4.part", 50)
    lay(root / "OPEN" / "OPEN_000001.ts.part", 50)
    lay(root / "LOST" / "LOST_000001.ts", 70)
    lay(root / "LOST" / "source.log", 5)
    lay(root / "stray.ts", 30)
    return root


def found(recordings: Path, **more: object) -> dict[str, Kind]:
    orphans = find_orphans(recordings, {"KNOWN", "OPEN"}, open_={"OPEN"}, **more)  # type: ignore[arg-type]
    return {
        orphan.path.relative_to(recordings.parent).as_posix(): orphan.kind for orphan in orphans
    }


def test_only_what_belongs_to_nobody_is_listed(recordings: Path) -> None:
    lay(recordings.parent / "trash" / "token" / "old.ts")
    assert found(recordings, trash=recordings.parent / "trash") == {
        "recordings/KNOWN/joined/part_001.mp4.part": Kind.PART,
        "recordings/LOST": Kind.SESSION,
        "recordings/stray.ts": Kind.STRAY,
        "trash/token": Kind.TRASH,
    }
    lost = find_orphans(recordings, {"KNOWN", "OPEN"}, open_={"OPEN"})[1]
    assert (lost.files, lost.size_bytes) == (2, 75)
    assert 100_000 <= lost.age_s <= time.time() - OLD


def test_what_somebody_works_on_is_left_out(recordings: Path) -> None:
    (recordings / "LOST" / "LOST_000002.ts.part").write_bytes(b"now")
    assert "recordings/LOST" not in found(recordings)
    assert "recordings/LOST" in found(recordings, older_than_s=0)
    descriptor = os.open(recordings / "LOST", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert "recordings/LOST" not in found(recordings, older_than_s=0)
    os.close(descriptor)


def test_links_are_never_followed(recordings: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    lay(outside / "mine.ts", 1000)
    (recordings / "linked").symlink_to(outside)
    (recordings / "LOST" / "deep").symlink_to(outside)
    orphans = find_orphans(recordings, {"KNOWN", "OPEN"}, older_than_s=0)
    assert sum(orphan.size_bytes for orphan in orphans) < 1000
    remove(orphans, recordings, tmp_path / "trash", Total(1000, 10**6), dry_run=False)
    assert (outside / "mine.ts").is_file()
    assert sorted(path.name for path in recordings.iterdir()) == ["KNOWN", "OPEN"]


def test_a_dry_run_moves_nothing_and_the_real_one_to_the_trash(
    recordings: Path, tmp_path: Path
) -> None:
    orphans, trash = find_orphans(recordings, {"KNOWN", "OPEN"}, open_={"OPEN"}), tmp_path / "trash"
    total = total_of(recordings)
    assert total == Total(9, 400 + 50 + 50 + 75 + 30)
    assert remove(orphans, recordings, trash, total) == orphans
    assert total_of(recordings) == total
    remove(orphans, recordings, trash, total, dry_run=False)
    assert find_orphans(recordings, {"KNOWN", "OPEN"}, open_={"OPEN"}, older_than_s=0) == []
    assert total_of(trash) == Total(4, 155)
    again = find_orphans(recordings, {"KNOWN", "OPEN"}, open_={"OPEN"}, trash=trash, older_than_s=0)
    assert {orphan.kind for orphan in again} == {Kind.TRASH}
    assert remove(again, recordings, trash, total_of(recordings), dry_run=False) == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_more_than_half_never_goes(recordings: Path, tmp_path: Path, dry_run: bool) -> None:
    everything = find_orphans(recordings, ())
    by_bytes = [orphan for orphan in everything if orphan.path.name == "KNOWN"]
    by_files = [orphan for orphan in everything if orphan.path.name != "OPEN"]
    for orphans, total in ((by_bytes, Total(100, 800)), (by_files, Total(10, 10**6))):
        with pytest.raises(Failed) as failed:
            remove(orphans, recordings, tmp_path / "trash", total, dry_run=dry_run)
        assert failed.value.reason is Reason.CLEANUP_TOO_LARGE
    assert (recordings / "LOST").is_dir()
    assert not (tmp_path / "trash").exists()
