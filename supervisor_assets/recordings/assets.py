"""A recorded live stream: one session, from its first segment to the files it is handed over as."""

import dagster as dg

from supervisor_assets.making import OWNERS, RAW, Group, described
from supervisor_assets.partitions import intake
from supervisor_assets.recordings.ops import hand_over, join, record, validate


@dg.graph_asset(
    partitions_def=intake,
    group_name=Group.ARRIVAL.value,
    owners=OWNERS,
    tags=RAW,
    kinds={"streamlink", "ffmpeg", "duckdb"},
    code_version="1",
    description=described(
        "A live stream as it came: cut into segments without losing a frame, every missing second "
        "listed with its reason, joined without coding anything anew, and handed over as videos.",
        reads="the streams of `streams.toml`. An intake is one session of one stream.",
        fails="a recorder that dies or hangs is followed by another run that goes on where it "
        "was. `supervisor-assets recordings` lists all sessions with their reasons.",
    ),
)
def recordings():  # type: ignore[no-untyped-def]
    """Records, joins, validates and hands over; a run that died goes on where it was."""
    return hand_over(validate(join(record())))
