"""What every test may ask for, a calm hypothesis profile, and how the files are shared out."""

from pathlib import Path

import pytest
from copy_parts import kept_clients  # noqa: F401 - for the tests of copies
from deadline_parts import caller, place, warm, worker  # noqa: F401 - for the tests of deadlines
from door_parts import impatient, work  # noqa: F401 - for the tests of the one door
from hypothesis import HealthCheck, settings
from storage_parts import bucket, credentials, storage_address  # noqa: F401 - an S3 storage

# A loaded machine makes single examples slow; what a test proves never hangs on that.
settings.register_profile(
    "busy", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real test media beside the checkout; a test that needs it skips without it."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of real media is not on this machine")
    return folder


# What lasts long comes first, and what mostly waits (for a daemon) between what computes: a long
# file at the end would leave all the other workers idle.
FIRST = (
    "test_upload_to_analysis",
    "test_recording_to_video",
    "test_cli_clean",
    "test_daemon",
    "test_canary",
    "test_cli_up",
    "test_cli_ingest",
    "test_sessions",
    "test_recording_recorder",
    "test_canaries",
    "test_cli_demo",
    "test_stopped",
    "test_pipeline_crashes",
    "test_leakset",
    "test_pipeline_analyses",
    "test_pipeline_copies",
    "test_cli_elsewhere",
    "test_cli_doctor",
)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):  # it would put files with few tests last
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(FIRST)))
