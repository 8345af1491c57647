"""What `doctor` says of those who are told when something fails."""

from datetime import UTC, timedelta

from supervisor_assets.cli.findings import Finding, State, fine
from supervisor_assets.cli.installation import existing_store
from supervisor_core.reasons import Reason
from supervisor_core.settings import Settings
from supervisor_core.store.alerts import Undelivered


def alerts(settings: Settings) -> Finding:
    """The channels can work as they are set, and nobody waits for a message."""
    from supervisor_core.notify.channels import check_channels

    channels = " and ".join(check_channels(settings)) or "the journal only"
    if not (settings.home / "store" / "supervisor.duckdb").is_file():
        return fine("alerts", f"told by {channels}")
    from supervisor_core.store import alerts as table

    store = existing_store(settings)
    with store.read() as connection:
        kept = timedelta(days=settings.alert_kept_days)
        found = table.undelivered(connection, store.now(), kept)
        failing = sum(bool(cause.items) for cause in table.causes(connection))
    said = f"{failing} fail now; told by {channels}"
    if not found.any:
        return fine("alerts", said)
    reason = Reason.ALERT_NOT_DELIVERED
    return Finding("alerts", State.WARNING, f"{said}; {_words(found)}", reason.next_step, reason)


def _words(found: Undelivered) -> str:
    parts = []
    if found.waiting:
        since = f" since {found.oldest.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if found.oldest else ""
        parts.append(f"{found.waiting} not delivered{since}")
    if found.given_up:
        parts.append(f"{found.given_up} given up")
    return f"{', '.join(parts)} ({found.reason or '-'})"
