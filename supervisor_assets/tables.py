"""The items of an intake as a table: those that did not come through first, at most twenty.

An item is told by its number in the intake and its media, never by its file's name.
"""

from collections.abc import Callable, Mapping

import dagster as dg

from supervisor_assets.facts import Facts
from supervisor_core.keys import media_id
from supervisor_core.store.progress import IntakeSummary, Item

ROWS_MAX = 20
Cell = str | int | float | None
_ITEM, _MEDIA, _REASON = ("item", "int"), ("media", "string"), ("reason", "string")
_ARRIVED = (
    *(_ITEM, _MEDIA, ("state", "string"), _REASON),
    *(("format", "string"), ("size", "string"), ("seconds", "float"), ("bytes", "int")),
)
_CLEANED = (
    *(_ITEM, _MEDIA, ("level", "string"), ("verified", "string"), _REASON),
    *(("frames", "int"), ("regions", "int"), ("masked %", "float")),
)


def arrival_table(summary: IntakeSummary) -> Facts:
    """What came in, file by file."""
    return _table(summary, _ARRIVED, _arrived)


def cleaning_table(summary: IntakeSummary) -> Facts:
    """How each file was cleaned and what verification has shown of it."""
    return _table(summary, _CLEANED, _cleaned)


def _arrived(item: Item) -> Mapping[str, Cell]:
    info = item.media.info if item.media else None
    return {
        "state": item.arrival.value,
        "format": f"{info.container} {info.codec}" if info else None,
        "size": f"{info.width}x{info.height}" if info else None,
        "seconds": round(info.seconds, 3) if info and info.seconds else None,
        "bytes": info.size_bytes if info else None,
    }


def _cleaned(item: Item) -> Mapping[str, Cell]:
    output = item.output
    return {
        "level": item.level.value if item.level else None,
        "verified": "yes" if item.verified else "no",
        "frames": output.frames if output else None,
        "regions": output.regions if output else None,
        "masked %": round(100 * output.coverage, 1) if output else None,
    }


def _table(
    summary: IntakeSummary,
    columns: tuple[tuple[str, str], ...],
    told: Callable[[Item], Mapping[str, Cell]],
) -> Facts:
    shown = sorted(summary.items, key=lambda item: (item.reason is None, item.ordinal))[:ROWS_MAX]
    schema = dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in columns])
    records = [dg.TableRecord({**_known(item), **told(item)}) for item in shown]
    facts: Facts = {"items": dg.MetadataValue.table(records=records, schema=schema)}
    left_out = len(summary.items) - len(shown)
    return facts | ({"items_not_shown": dg.MetadataValue.int(left_out)} if left_out else {})


def _known(item: Item) -> Mapping[str, Cell]:
    return {
        "item": item.ordinal,
        "media": media_id(item.media.media) if item.media else None,
        "reason": item.reason.value if item.reason else None,
    }
