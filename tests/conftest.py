"""What every test may ask for: the folder of real media, and a calm hypothesis profile."""

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
