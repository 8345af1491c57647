"""Numbers, sizes and times as people read them on the pages."""

from datetime import UTC, datetime

import pytest

from gallery.templating import ago, length, moment, several, size


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (several(0, "frame"), "0 frames"),
        (several(1, "frame"), "1 frame"),
        (several(12_345, "item"), "12\u202f345 items"),
        (size(None), "unknown"),
        (size(0), "0 B"),
        (size(999), "999 B"),
        (size(999_600), "1.0 MB"),
        (size(27_400_000), "27 MB"),
        (length(None), ""),
        (length(59.6), "1:00"),
        (length(3661), "1:01:01"),
        (ago(9.96), "10.0 s"),
        (ago(119), "119 s"),
        (ago(120), "2 min"),
        (ago(3 * 86400), "3 d"),
        (moment(None), ""),
        (moment(datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)), "2026-05-04 03:02:01 UTC"),
    ],
)
def test_what_is_shown_reads_as_people_write_it(said: str, meant: str) -> None:
    assert said == meant
