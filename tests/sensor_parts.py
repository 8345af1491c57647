"""What a sensor or a run is given: an instance of Dagster, and the pipeline of a house."""

from collections.abc import Iterator

import dagster as dg
import pytest
from pipeline_parts import House

from resources import PipelineResource
from supervisor_core.deadline import Worker
from supervisor_core.pipeline import Pipeline
from supervisor_core.settings import Settings


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def acted(house: House) -> PipelineResource:
    """A resource that hands out the pipeline of this house."""

    class Acted(PipelineResource):
        def build(self, settings: Settings, worker: Worker, owner: str) -> Pipeline:
            return house.pipeline

    return Acted(home=str(house.home.root))
