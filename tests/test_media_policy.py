"""Profiles: the two shipped ones, an operator's own, and each rule at its edge."""

from dataclasses import replace
from pathlib import Path

import pytest

from supervisor_core.media.info import MediaInfo
from supervisor_core.media.kinds import Container
from supervisor_core.media.policy import (
    AudioPolicy,
    MaskPolicy,
    Profile,
    check_policy,
    load_profile,
    profile_names,
)
from supervisor_core.reasons import Failed, Reason

CLIP = MediaInfo(Container.MP4, "h264", 1280, 720, 1_000_000, seconds=60.0)
STILL = MediaInfo(Container.PNG, "png", 640, 480, 1_000)
CINE = MediaInfo(Container.DICOM, "jpeg", 320, 240, 1_000, frames=30, seconds=1.0)


def broken_rule(info: MediaInfo, profile: Profile) -> Reason | None:
    try:
        check_policy(info, profile)
    except Failed as failure:
        return failure.reason
    return None


def failure_of(name: str, folder: Path | None = None) -> Failed:
    with pytest.raises(Failed) as caught:
        load_profile(name, folder)
    return caught.value


def test_what_may_be_uploaded() -> None:
    upload = load_profile("upload")
    assert (upload.max_bytes, upload.max_seconds) == (120_000_000, 600)
    assert upload.codecs == {"h264", "hevc", "vp9"}
    assert (upload.mask, upload.audio) == (MaskPolicy.ALL_TEXT, AudioPolicy.DROP)
    for good in (CLIP, STILL, CINE, replace(CLIP, seconds=600.0, size_bytes=120_000_000)):
        assert broken_rule(good, upload) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size_bytes": 120_000_001}, Reason.FILE_TOO_LARGE),
        ({"seconds": 600.1}, Reason.FILE_TOO_LONG),
        ({"seconds": None}, Reason.METADATA_EXTRACTION_FAILED),
        ({"codec": "msmpeg4v3"}, Reason.UNSUPPORTED_CODEC),
        ({"codec": "av1"}, Reason.UNSUPPORTED_CODEC),
        ({"container": Container.MATROSKA}, Reason.UNSUPPORTED_CONTAINER),
        ({"container": Container.AVI}, Reason.UNSUPPORTED_CONTAINER),
    ],
)
def test_each_rule_of_upload(change: dict[str, object], reason: Reason) -> None:
    bad = replace(CLIP, **change)  # type: ignore[arg-type]
    assert broken_rule(bad, load_profile("upload")) is reason
    assert broken_rule(bad, load_profile("archive")) is None


def test_a_long_recording_of_frames_is_long_too() -> None:
    assert broken_rule(replace(CINE, seconds=601.0), load_profile("upload")) is Reason.FILE_TOO_LONG


@pytest.mark.parametrize("name", ["", "../upload", "Upload", "a/b", "a" * 65, "ü", "upload.toml"])
def test_a_name_that_is_no_name(name: str, tmp_path: Path) -> None:
    assert failure_of(name, tmp_path).reason is Reason.UNKNOWN_PROFILE


def test_an_unknown_profile_lists_nothing_from_outside(tmp_path: Path) -> None:
    assert str(failure_of("muster_erika", tmp_path)).count("muster") == 0


def test_an_operators_own_profile_and_an_overridden_one(tmp_path: Path) -> None:
    (tmp_path / "ward-3.toml").write_text(
        'mask = "identifiers"\ndevice = "olympus_cv_1500"\naudio = "keep"\nmax_seconds = 90.5\n'
        'codecs = ["h264"]\ncontainers = ["mkv"]\n'
    )
    (tmp_path / "upload.toml").write_text("max_bytes = 5\n")
    (tmp_path / "Not A Profile.toml").touch()
    assert load_profile("ward-3", tmp_path) == Profile(
        "ward-3",
        max_seconds=90.5,
        codecs=frozenset({"h264"}),
        containers=frozenset({Container.MATROSKA}),
        mask=MaskPolicy.IDENTIFIERS,
        device="olympus_cv_1500",
        audio=AudioPolicy.KEEP,
    )
    assert load_profile("upload", tmp_path) == Profile("upload", max_bytes=5)
    assert load_profile("archive", tmp_path) == Profile("archive")
    assert profile_names(tmp_path) == ["archive", "library", "upload", "ward-3"]
    assert profile_names() == ["archive", "library", "upload"]


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("max_bytes = ", "profile"),
        ("max_byte = 5", "profile"),
        ("max_bytes = 0", "profile.max_bytes"),
        ("max_bytes = true", "profile.max_bytes"),
        ("max_seconds = nan", "profile.max_seconds"),
        ('max_seconds = "5"', "profile.max_seconds"),
        ('codecs = "h264"', "profile.codecs"),
        ("codecs = [1]", "profile.codecs"),
        ('containers = ["exe"]', "profile.containers"),
        ('mask = "some"', "profile.mask"),
        ('audio = "loud"', "profile.audio"),
        ('device = "../x"', "profile.device"),
        ("device = 5", "profile.device"),
        ("\x00", "profile"),
    ],
)
def test_a_mistake_names_its_setting(tmp_path: Path, text: str, setting: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    failure = failure_of("mine", tmp_path)
    assert failure.reason is Reason.BAD_CONFIGURATION
    assert failure.facts["setting"] == setting


def test_the_version_follows_what_shapes_the_output() -> None:
    archive = load_profile("archive")
    assert load_profile("upload").version == archive.version
    changed = (
        replace(archive, mask=MaskPolicy.NONE),
        replace(archive, device="generic"),
        replace(archive, audio=AudioPolicy.KEEP),
    )
    assert len({archive.version, *(profile.version for profile in changed)}) == 4
