"""Recordings of live streams."""

from pathlib import Path

from pydantic import BaseModel, Field


class RecordingSettings(BaseModel):
    """Recordings of live streams."""

    streams_file: Path | None = Field(
        default=None,
        description="Which streams are recorded; by default streams.toml in the home.",
    )
    recording_probe_s: float = Field(
        default=10.0, gt=0, description="Limit to see whether a stream is live."
    )
    recording_join_base_s: float = Field(
        default=300.0, gt=0, description="Limit to join the segments of a session."
    )
    recording_join_rate: float = Field(
        default=1.0, ge=0, description="Added to that for each second of media."
    )
    recording_segment_s: float = Field(
        default=3600.0, gt=0, description="Length of a segment; it is cut at the next key frame."
    )
    recording_segment_bytes: int = Field(
        default=4 * 10**9, ge=1, description="Size at which a segment is cut at the next key frame."
    )
    recording_stall_s: float = Field(
        default=20.0,
        gt=0,
        description="A source that brings nothing new for this long, and twice its longest pause so"
        " far, is opened again.",
    )
    recording_frozen_s: float = Field(
        default=120.0, gt=0, description="One and the same picture for this long counts as frozen."
    )
    recording_heartbeat_s: float = Field(
        default=10.0, gt=0, description="Time between two looks at the picture that is recorded."
    )
    recording_retry_first_s: float = Field(
        default=1.0, gt=0, description="Wait before a source is opened again."
    )
    recording_retry_longest_s: float = Field(
        default=60.0, gt=0, description="The wait doubles up to this until something new comes."
    )
    recording_gone_s: float = Field(
        default=600.0,
        ge=0,
        description="A stream that was recorded and is not found for this long has ended.",
    )
    recording_plugins_folder: Path | None = Field(
        default=None,
        description="Operator's own plugins for streamlink (*.py), which are run as they are.",
    )
    recording_inspect_base_s: float = Field(
        default=60.0, gt=0, description="Limit to decode one segment after it was closed."
    )
    recording_inspect_rate: float = Field(
        default=1.0, ge=0, description="Added to that for each second of media."
    )
    recording_library: Path | None = Field(
        default=None,
        description="Folder of the library for people and players; by default library/ in the"
        " home.",
    )
    recording_library_copies: bool = Field(
        default=False,
        description="Put copies into the library instead of second names of the files.",
    )
