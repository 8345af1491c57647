"""A house whose cleaned files are copied to a bucket, and ways to look at both."""

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pipeline_parts import TOOLS, House
from storage_parts import BUCKET

from supervisor_core.keys import IntakeKey
from supervisor_core.reasons import Reason
from supervisor_core.remote import s3
from supervisor_core.remote.sending import send
from supervisor_core.remote.upload_order import UploadOrder
from supervisor_core.settings import Settings
from supervisor_core.states import Work
from supervisor_core.store import copies, work
from supervisor_core.store import media as media_table
from supervisor_core.store.copies import Copy
from supervisor_core.store.work import Task

TASK = f"copy/{BUCKET}"
VICTIM = "COPY_VICTIM"
PART_BYTES = 5 << 20
LARGE = "x" * (2 * PART_BYTES + 1000)


_clients: dict[str, Any] = {}


@pytest.fixture
def kept_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes no client twice for the same storage and credentials: each takes half a second."""
    make = s3._open_client

    def kept(settings: Settings) -> Any:
        credentials = [text for name, text in sorted(os.environ.items()) if name.startswith("AWS_")]
        which = json.dumps([settings.s3_endpoint, settings.fetch_silence_s, credentials])
        if which not in _clients:
            _clients[which] = make(settings)
        return _clients[which]

    monkeypatch.setattr(s3, "_open_client", kept)


def house_copying(folder: Path, address: str, **changes: object) -> House:
    settings = {"s3_endpoint": address, "s3_write_bucket": BUCKET, "fetch_tries": 1}
    return House(folder, changes=settings | changes)


def cleaned(house: House, *texts: str, profile: str = "upload") -> IntakeKey:
    key = house.arrive(*texts, profile=profile)
    house.clean(key)
    return key


def changed(house: House, **changes: object) -> None:
    """The same house under other settings."""
    house.settings = house.settings.model_copy(update=changes)


def tasks(house: House, key: IntakeKey) -> list[Task]:
    media = list(house.pipeline.summary(key).media)
    with house.store.read() as connection:
        found = work.load(connection, TASK, media)
    return [found[one] for one in media if one in found]


def states(house: House, key: IntakeKey) -> set[tuple[Work, Reason | None, int]]:
    return {(one.state, one.reason, one.attempts) for one in tasks(house, key)}


def rows(house: House, key: IntakeKey) -> list[Copy]:
    media = list(house.pipeline.summary(key).media)
    with house.store.read() as connection:
        return copies.load(connection, BUCKET, media)


def waiting(house: House) -> list[str]:
    return [one.intake for one in house.pipeline.uncopied()]


def in_bucket(client: Any) -> dict[str, bytes]:
    found = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {
        one["Key"]: client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found
    }


def uploads(client: Any) -> list[str]:
    found = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    return [one["UploadId"] for one in found]


def judge(house: House, key: IntakeKey, **changes: object) -> None:
    """Writes something else about the verification or review of an intake's media."""
    with house.store.write() as connection:
        members = media_table.of_intake(connection, key)
        media_table.save(connection, [replace(one, **changes) for one in members], house.clock())


def never(*_: object) -> object:
    raise AssertionError("something was sent")


def send_and_be_killed(order: UploadOrder) -> tuple[str, ...]:
    """Sends the first part, then the whole run dies; this child is ended by its guardian."""
    send(replace(order, parts=order.parts[:1]))
    os.kill(int(os.environ[VICTIM]), signal.SIGKILL)
    threading.Event().wait()
    raise AssertionError


KILLED_TOOLS = replace(TOOLS, send=send_and_be_killed)
