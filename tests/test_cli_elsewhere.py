"""`ingest` of what is not on this machine: an object, a file of the web, and what is neither."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command import Ran, run
from storage_parts import BUCKET, CREDENTIALS, Site, leftovers, send

from supervisor_assets.cli import doctor_home
from supervisor_assets.cli.elsewhere import sort_out
from supervisor_assets.cli.findings import checked
from supervisor_core.media.ref import S3Object
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings


def picture(shade: int) -> bytes:
    pixels = np.full((120, 200, 3), shade, np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def told(ran: Ran) -> dict[str, tuple[str, str | None, bool]]:
    return {
        one["file"]: (one["state"], one["reason"], one["verified"]) for one in ran.json["files"]
    }


@pytest.mark.campaign
def test_objects_and_files_of_the_web_become_verified_like_local_ones(
    tmp_path: Path, bucket: Any, storage_address: str
) -> None:
    bucket.put_object(Bucket=BUCKET, Key="ward 3/Eva Müller?.png", Body=picture(70))
    home = tmp_path / "home"
    settings = CREDENTIALS | {
        "SUPERVISOR_S3_ENDPOINT": storage_address,
        "SUPERVISOR_S3_BUCKET": BUCKET,
        "SUPERVISOR_ALLOWED_HOSTS": "127.0.0.1",
    }
    with Site(lambda handler, _: send(handler, 200, picture(90))).open() as site:
        url = site.url.replace("a.mp4", "b%20c.png").replace("//", "//me:secret@")
        words = [f"s3://{BUCKET}/ward 3/Eva Müller?.png", "gone/key.png", f"{url}?token=secret"]
        ran = run("ingest", *words, "http://localhost:1/x.png", "--json", home=home, **settings)
        shown = site.url.replace("a.mp4", "b%20c.png")
    assert told(ran) == {
        words[0]: ("imported", None, True),
        shown: ("imported", None, True),
        "gone/key.png": ("refused", "FILE_NOT_FOUND", False),
        "http://localhost:1/x.png": ("refused", "ADDRESS_FORBIDDEN", False),
    }
    assert (ran.code, ran.json["not_anonymized"]) == (3, 2)
    assert "secret" not in ran.out + ran.err
    assert leftovers(home / "work") == leftovers(home / "inbox") == []
    again = run("ingest", words[0], "--json", home=home, **settings)
    assert (again.code, told(again)) == (0, {words[0]: ("imported", None, True)})


@pytest.mark.campaign
def test_a_bare_key_without_a_bucket_says_what_to_set(tmp_path: Path) -> None:
    ran = run("ingest", "videos/2026/a.mp4", "--json", home=tmp_path / "home")
    (fate,) = ran.json["files"]
    assert (ran.code, fate["reason"]) == (3, "STORAGE_NOT_CONFIGURED")
    assert "SUPERVISOR_S3_BUCKET" in fate["next_step"]


def test_what_is_a_file_here_is_no_key(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").touch()
    given = sort_out(["a.mp4", "b.mp4", str(tmp_path / "gone.mp4"), "ftp://me:secret@h/a"], "bbb")
    assert given.here == [tmp_path / "a.mp4", tmp_path / "gone.mp4"]
    assert given.objects == {"b.mp4": S3Object("bbb", "b.mp4")}
    assert [one.file for one in given.refused] == ["ftp://..."]


def test_doctor_says_whether_the_bucket_can_be_listed(
    tmp_path: Path, bucket: Any, storage_address: str
) -> None:
    bucket.put_object(Bucket=BUCKET, Key="a", Body=b"x")
    settings = Settings(s3_endpoint=storage_address, s3_bucket=BUCKET, home=tmp_path)
    assert doctor_home.storage(settings).said == "the bucket can be listed: 1 keys"
    gone = settings.model_copy(update={"s3_bucket": "gone-bucket"})
    found = checked("storage", lambda: doctor_home.storage(gone))
    assert found.reason is Reason.BAD_CONFIGURATION
    assert "gone-bucket" not in found.said
