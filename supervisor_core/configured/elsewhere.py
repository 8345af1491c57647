"""Files elsewhere: object storage and web servers."""

from pydantic import BaseModel, Field


class ElsewhereSettings(BaseModel):
    """Files elsewhere: object storage and web servers; credentials are AWS_* of the environment."""

    s3_bucket: str | None = Field(
        default=None, description="Bucket that is looked through for new files; none is looked at."
    )
    s3_prefix: str = Field(default="", description="Only keys that begin with this are taken in.")
    s3_endpoint: str | None = Field(
        default=None, description="Address of an S3 storage other than AWS, such as MinIO."
    )
    s3_region: str | None = Field(
        default=None, description="Region of the buckets; by default AWS_DEFAULT_REGION."
    )
    s3_every_s: float = Field(
        default=30.0, ge=1, description="Time between two looks for new keys in the bucket."
    )
    s3_full_every_s: float = Field(
        default=600.0,
        ge=1,
        description="Time between two looks through all keys, which find what came out of order.",
    )
    s3_write_bucket: str | None = Field(
        default=None,
        description="Bucket that verified cleaned files are copied to; none are copied.",
    )
    s3_write_prefix: str = Field(
        default="cleaned/", description="What the keys of these copies begin with."
    )
    s3_write_delete_former: bool = Field(
        default=False,
        description="Delete the copy of a file that was cleaned anew, once the new one is there.",
    )
    copy_tries: int = Field(
        default=24,
        ge=1,
        description="After so many attempts in vain, about half a day, a copy waits for a person.",
    )
    allowed_hosts: str = Field(
        default="",
        description="Hosts, separated by commas, that files may be fetched from though private.",
    )
    fetch_connect_s: float = Field(
        default=10.0,
        gt=0,
        description="Longest wait for a connection when a file is fetched or copied.",
    )
    fetch_silence_s: float = Field(
        default=30.0,
        gt=0,
        description="A connection on which nothing moves for this long is given up.",
    )
    fetch_base_s: float = Field(
        default=60.0, gt=0, description="Limit to fetch or copy one file, whatever its size."
    )
    fetch_s_per_gb: float = Field(
        default=2000.0, ge=0, description="Added to that for each GB that has gone over."
    )
    fetch_tries: int = Field(
        default=4, ge=1, description="How often a broken connection is tried in one fetch or copy."
    )
    fetch_lanes: int = Field(
        default=4, ge=1, le=32, description="Connections at once for a large object."
    )
    fetch_max_bytes: int = Field(
        default=100 * 1024**3, gt=0, description="Largest file that is fetched at all."
    )
