"""A small application behind the border, and a reviewer who is signed in to it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gallery_parts import Browser, Door, door, signed_in, small_app

from gallery.access.roles import Role


@pytest.fixture
def house(tmp_path: Path) -> Door:
    return door(tmp_path, gallery_failures=3, gallery_failures_total=5)


@pytest.fixture
def app(house: Door) -> Any:
    return small_app(house)


@pytest.fixture
def reviewer(app: Any, house: Door) -> Iterator[Browser]:
    with signed_in(app, house, Role.REVIEWER) as browser:
        yield browser
