"""The description of the API against the API: what schemathesis makes of one, the other bears."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from gallery_parts import bearer, key_of
from hypothesis import HealthCheck, Phase, settings
from queue_parts import Pages, Role, library, put
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from gallery.api.openapi import description

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
schema = schemathesis.openapi.from_dict(description())


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    pages = Pages.over(library(tmp_path_factory.mktemp("described")))
    put(pages.works, 1)
    pages.publish()
    yield pages
    pages.close()


@pytest.fixture(scope="module")
def key(pages: Pages) -> str:
    return key_of(pages.house, Role.ADMIN)


def from_here(app: Any) -> Any:
    """The application as it is reached from this machine."""

    async def reached(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": ("127.0.0.1", 50_000)}, receive, send)

    return reached


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_the_description_allows_is_answered_as_it_says(
    case: Case, pages: Pages, key: str
) -> None:
    headers = bearer(key) | {"Host": "127.0.0.1:3002"}
    app = from_here(pages.app)
    answer = case.call(app=app, base_url="http://127.0.0.1:3002", headers=headers)
    if case.meta is None or case.meta.generation.mode.is_positive:
        assert answer.status_code not in (401, 403, 421)  # else nothing would be tried
    case.validate_response(answer, checks=CHECKS)
