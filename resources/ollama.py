"""The model server as a resource: which one, which model, and whether it can be asked."""

import dagster as dg
from pydantic import Field

from supervisor_core.settings import Settings


class OllamaResource(dg.ConfigurableResource[None]):
    """Overrides the settings' server and model for a run; empty fields leave them as they are.

    What is asked, retried and left alone is the core's; no credential is kept here.
    """

    url: str = Field("", description="Where it listens; without it SUPERVISOR_OLLAMA_URL decides.")
    model: str = Field("", description="Its exact name; without it SUPERVISOR_MODEL decides.")

    def over(self, settings: Settings) -> Settings:
        """The settings with this server and model."""
        wanted = {"ollama_url": self.url, "model": self.model}
        return settings.model_copy(update={name: text for name, text in wanted.items() if text})
