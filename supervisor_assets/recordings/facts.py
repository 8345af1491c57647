"""What people see of a recording in the catalogue."""

import dagster as dg

from supervisor_assets.facts import Facts, embedded, reason_facts
from supervisor_core.sessions.account import Account


def recording_facts(account: Account) -> Facts:
    """How much was recorded and what is missing, with a picture of both over time."""
    session = account.session
    facts: Facts = {
        "stream": dg.MetadataValue.text(session.stream),
        "started": dg.MetadataValue.timestamp(session.started),
        "recorded_seconds": dg.MetadataValue.float(round(account.recorded_s, 3)),
        "missing_seconds": dg.MetadataValue.float(round(account.missing_s, 3)),
        "coverage_percent": dg.MetadataValue.float(round(100 * account.coverage, 3)),
        "segments": dg.MetadataValue.int(len(account.segments)),
        "frames": dg.MetadataValue.int(account.frames),
        "gaps": dg.MetadataValue.int(len(account.gaps)),
        "files": dg.MetadataValue.int(len(account.files)),
        "sources": dg.MetadataValue.int(session.sources),
        "runs": dg.MetadataValue.int(session.runs),
    }
    return facts | _gaps(account) | timeline_facts(account) | reason_facts(account.damaged)


def timeline_facts(account: Account) -> Facts:
    """A picture of what was recorded and what is missing, inside the metadata itself."""
    # What draws takes a while to import, and most runs draw nothing.
    from supervisor_core.sessions.picture import picture_of

    return {"timeline": embedded("timeline", "png", picture_of(account))}


def _gaps(account: Account) -> Facts:
    if not account.gaps:
        return {}
    columns = ("start", "end", "reason", "missing_s")
    records = [
        dg.TableRecord(
            {
                "start": gap.started.isoformat(timespec="seconds"),
                "end": gap.ended.isoformat(timespec="seconds"),
                "reason": gap.reason.value,
                "missing_s": "unknown" if gap.missing_s is None else f"{gap.missing_s:.3f}",
            }
        )
        for gap in account.gaps[:100]
    ]
    schema = dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in columns])
    return {"gap_list": dg.MetadataValue.table(records=records, schema=schema)}
