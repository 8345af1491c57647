"""A reference says where a file is, exactly, and shows nothing of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor_core.media.ref import LocalFile, MediaRef, S3Object, WebAddress
from supervisor_core.reasons import Failed, Reason

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
HOSTILE = [
    "a b.mp4",
    "Ärztin/Müller ß.mp4",
    "../../etc/passwd",
    "a//b///c.mp4",
    "%2F%2e%2e/a%20b.mp4",
    "a?versionId=1",
    "a#b",
    "/leading.mp4",
    "//two.mp4",
    "./.",
    "..",
    "folder/",
    "-y.mp4",
    "http://host/a.mp4",
    "+&=;:@,$!*'()",
    "\\..\\a\n\t\x01",
    "日本語/🎬.mp4",
]


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_key_comes_back_as_it_was(key: str) -> None:
    found = MediaRef.parse(f"s3://bucket/{key}")
    assert isinstance(found, S3Object)
    assert (found.bucket, found.key) == ("bucket", key)
    assert MediaRef.parse(found.uri) == found


@given(KEYS)
def test_any_key_comes_back_as_it_was(key: str) -> None:
    found = MediaRef.parse(f"s3://bucket/{key}")
    assert isinstance(found, S3Object)
    assert (found.key, MediaRef.parse(found.uri)) == (key, found)


@given(KEYS)
def test_a_bare_key_needs_a_bucket(key: str) -> None:
    if key.startswith("/") or "://" in key:
        return
    with pytest.raises(Failed) as caught:
        MediaRef.parse(key)
    assert caught.value.reason is Reason.STORAGE_NOT_CONFIGURED
    assert MediaRef.parse(key, bucket="uploads") == S3Object("uploads", key)


def test_a_path_in_each_of_its_forms_is_the_same_file(tmp_path: Path) -> None:
    media = tmp_path / "a b%.mp4"
    for text in (str(media), media.as_uri(), f"file://localhost{media.as_uri()[7:]}"):
        assert MediaRef.parse(text) == MediaRef.local(media) == LocalFile(media)
    assert MediaRef.parse(MediaRef.local(media).uri) == LocalFile(media)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "file://host/a.mp4",
        "ftp://host/a.mp4",
        "http://[x",
        "http:///a.mp4",
        "https://host:99999/a",
        "https://host/a b",
        "https://host/a\r\nX: y",
        "s3://bucket",
        "s3://bucket/",
        "s3:///key",
        "s3://buc ket/key",
        "s3://../key",
        "s3://bucket/" + "k" * 1025,
        "s3://bucket/\udcff",
    ],
)
def test_what_is_malformed_or_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(Failed) as caught:
        MediaRef.parse(text)
    assert caught.value.reason is Reason.BAD_CONFIGURATION
    assert "host" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["/Mustermann/a", "s3://ward/Mustermann", "https://Mustermann:secret@host/a?Mustermann"],
)
def test_what_shows_a_reference_shows_no_name(text: str) -> None:
    assert "Mustermann" not in repr(MediaRef.parse(text)) + str(MediaRef.parse(text))


def test_the_name_of_a_web_file_is_the_last_of_its_path() -> None:
    assert WebAddress("https://host/a/b%20c.mp4?x=/d.png#e").name == "b c.mp4"
    assert WebAddress("https://host").name == ""
