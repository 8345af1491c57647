"""Where released files go."""

from pathlib import Path

from pydantic import BaseModel, Field


class ReleasingSettings(BaseModel):
    """Where released files go: what a person has let out on the pages, and nothing else."""

    release_folder: Path | None = Field(
        default=None,
        description="Folder that released files are put into; by default released in the home.",
    )
    release_bucket: str | None = Field(
        default=None, description="Bucket that they are put into instead of a folder."
    )
    release_prefix: str = Field(
        default="released/", description="What the keys of released files in it begin with."
    )
