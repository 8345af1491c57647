"""What an operator may set.

Every setting is an environment variable `SUPERVISOR_<NAME>`. Times are seconds, sizes bytes.
"""

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from supervisor_core.configured.elsewhere import ElsewhereSettings
from supervisor_core.configured.gallery import GallerySettings
from supervisor_core.configured.keeping import KeepingSettings
from supervisor_core.configured.looks import LookSettings
from supervisor_core.configured.models import ModelSettings
from supervisor_core.configured.recording import RecordingSettings
from supervisor_core.configured.releasing import ReleasingSettings
from supervisor_core.configured.watching import WatchingSettings
from supervisor_core.home import Home
from supervisor_core.reasons import Failed, Reason


class Settings(
    ElsewhereSettings,
    ModelSettings,
    LookSettings,
    RecordingSettings,
    WatchingSettings,
    KeepingSettings,
    ReleasingSettings,
    GallerySettings,
    BaseSettings,
):
    """The settings of one installation, read from the environment."""

    model_config = SettingsConfigDict(env_prefix="SUPERVISOR_", frozen=True)

    home: Path = Field(default=Path(".supervisor"), description="Folder that holds everything.")
    restricted_key: SecretStr | None = Field(
        default=None, description="Key of the restricted store; without it the key file is used."
    )
    restricted_key_file: Path | None = Field(
        default=None, description="Owner-only key file; by default restricted.key in the home."
    )
    profiles_folder: Path | None = Field(
        default=None,
        description="Operator's own profiles (*.toml); by default profiles/ in the home.",
    )
    names_file: Path | None = Field(
        default=None, description="Operator's own list of names; by default names.txt in the home."
    )
    masks_folder: Path | None = Field(
        default=None, description="Operator's own device masks; by default masks/ in the home."
    )
    store_wait_s: float = Field(
        default=30.0, gt=0, description="Longest wait for the store's lock."
    )
    settle_s: float = Field(
        default=2.0, ge=0, description="A file counts when unchanged for this long."
    )
    reserve_bytes: int = Field(
        default=256 * 1024**2, ge=0, description="Free space that work must leave on the disk."
    )
    lease_s: float = Field(
        default=60.0, gt=0, description="A run that is silent for this long loses its items."
    )
    grace_s: float = Field(
        default=2.0, gt=0, description="Time between the polite signal and the kill."
    )

    runs_nice: int = Field(
        default=10,
        ge=0,
        le=19,
        description="By how much runs that `up` starts give way to the pages, as `nice` has it.",
    )
    attempts_kept_days: float = Field(
        default=90.0, ge=0, description="Attempts and questions older than this are removed."
    )

    import_base_s: float = Field(default=60.0, gt=0, description="Limit to look at one file.")
    import_s_per_gb: float = Field(default=60.0, ge=0, description="Added for each GB of the file.")
    frame_level_base_s: float = Field(
        default=120.0, gt=0, description="Limit of level 1 for one item."
    )
    frame_level_rate: float = Field(
        default=40.0, ge=0, description="Added to level 1 for each second of media."
    )
    roi_mask_base_s: float = Field(
        default=120.0, gt=0, description="Limit of level 2 for one item."
    )
    roi_mask_rate: float = Field(
        default=10.0, ge=0, description="Added to level 2 for each second of media."
    )
    verify_base_s: float = Field(default=120.0, gt=0, description="Limit to verify one item.")
    verify_rate: float = Field(
        default=40.0, ge=0, description="Added to verification for each second of media."
    )
    thumbnail_s: float = Field(default=60.0, gt=0, description="Limit to draw one thumbnail.")

    level_tries: int = Field(
        default=3, ge=1, description="An item that ends its run this often goes a level down."
    )
    import_tries: int = Field(
        default=3, ge=1, description="A file that kills its reader this often is refused."
    )
    retry_first_s: float = Field(
        default=60.0,
        gt=0,
        description="Wait before a raw item with a passing cause is cleaned again.",
    )
    retry_longest_s: float = Field(
        default=86400.0, gt=0, description="The wait doubles with each round up to this."
    )

    @classmethod
    def load(cls) -> "Settings":
        """The settings of the environment; raises `Failed(BAD_CONFIGURATION)` naming the first."""
        try:
            return cls()
        except ValidationError as error:
            name = "_".join(str(part) for part in error.errors()[0]["loc"])
            raise Failed(Reason.BAD_CONFIGURATION, setting=name) from None

    @property
    def allowed_host_names(self) -> frozenset[str]:
        """The hosts of `allowed_hosts`, in lower case."""
        names = (name.strip().lower() for name in self.allowed_hosts.split(","))
        return frozenset(name for name in names if name)

    @property
    def model_host_names(self) -> frozenset[str]:
        """The hosts of `model_hosts`, in lower case."""
        names = (name.strip().lower() for name in self.model_hosts.split(","))
        return frozenset(name for name in names if name)

    @property
    def alert_host_names(self) -> frozenset[str]:
        """The hosts of `alert_hosts`, in lower case."""
        names = (name.strip().lower() for name in self.alert_hosts.split(","))
        return frozenset(name for name in names if name)

    @property
    def alert_mail_addresses(self) -> tuple[str, ...]:
        """The addresses of `alert_mail_to`."""
        names = (name.strip() for name in self.alert_mail_to.split(","))
        return tuple(name for name in names if name)

    @property
    def enriching_model(self) -> str:
        """The model that enriches."""
        return self.enrich_model or self.model

    def open_home(self) -> Home:
        """The home of these settings, its folders made where they are missing."""
        return Home.create(self.home)
