"""Dagster resources over the core: the store, and the pipeline with its warm worker."""

from resources.notifier import NotifierResource
from resources.ollama import OllamaResource
from resources.pipeline import PipelineResource
from resources.store import StoreResource

__all__ = ["NotifierResource", "OllamaResource", "PipelineResource", "StoreResource"]
