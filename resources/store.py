"""Where everything is kept: nothing is opened or made before somebody asks."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from supervisor_core.settings import Settings
from supervisor_core.store import Store


class StoreResource(dg.ConfigurableResource[None]):
    """The store of one home."""

    home: str = Field(
        "", description="Folder that holds everything; without it SUPERVISOR_HOME decides."
    )

    def settings(self) -> Settings:
        """The settings of the environment, for this home."""
        settings = Settings.load()
        return settings.model_copy(update={"home": Path(self.home)}) if self.home else settings

    def open_store(self) -> Store:
        """The store, made or brought up to date where needed."""
        settings = self.settings()
        return Store(settings.open_home(), settings)
