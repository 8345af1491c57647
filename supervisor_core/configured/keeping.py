"""What is kept for how long, and where backups lie."""

from pathlib import Path

from pydantic import BaseModel, Field


class KeepingSettings(BaseModel):
    """What is kept for how long, and where backups lie."""

    backup_folder: Path | None = Field(
        default=None,
        description="Folder of the nightly backups, best on another disk; by default backups in the"
        " home.",
    )
    backup_daily: int = Field(
        default=7, ge=1, description="Of so many days the last backup is kept."
    )
    backup_weekly: int = Field(
        default=4, ge=0, description="Of so many weeks the last backup is kept."
    )
    backup_late_days: float = Field(
        default=2.0, gt=0, description="A last backup that is older is told."
    )
    runs_kept_days: float = Field(
        default=30.0,
        ge=1,
        description="Runs that ended longer ago are removed, unless they are the last word of their"
        " partition.",
    )
    runs_per_tick: int = Field(
        default=1000, ge=1, description="So many runs are removed at once, the oldest first."
    )
    records_kept_days: float = Field(
        default=90.0,
        ge=1,
        description="Requests that are over, scans, their findings and looks at the store that are"
        " older are removed.",
    )
    trash_kept_days: float | None = Field(
        default=None,
        ge=1,
        description="What lies in trash for longer is deleted; by default nothing ever is.",
    )
