"""What the tests of the door share: settings that allow loopback, and a way in."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from storage_parts import leftovers

from supervisor_core.media.ref import MediaRef
from supervisor_core.reasons import Failed
from supervisor_core.remote import transfer
from supervisor_core.remote.door import localize
from supervisor_core.settings import Settings

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_FIRST_WAIT_S", 0.01)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    """A work folder in which nothing may be left, whatever the ending."""
    folder = tmp_path / "work"
    folder.mkdir()
    yield folder
    assert leftovers(folder) == []


def settings(**changes: object) -> Settings:
    return Settings(**{"allowed_hosts": "127.0.0.1", "reserve_bytes": 0} | changes)


def get(url: str, work: Path, **changes: object) -> bytes:
    with localize(MediaRef.parse(url), work, settings(**changes)) as found:
        content = found.path.read_bytes()
        assert found.fetched.sha256 == hashlib.sha256(content).hexdigest()
        assert found.fetched.size_bytes == len(content)
        return content


def refused(url: str, work: Path, **changes: object) -> Failed:
    with pytest.raises(Failed) as caught:
        get(url, work, **changes)
    assert "127.0.0.1" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value
