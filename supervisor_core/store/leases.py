"""Who may work on a media and publish for it.

A lease is taken with a new epoch each time. It is free when it was given back, has run out, is our
own from before, or when its owner's process is gone. Before anything is published the epoch is
looked at again in the same transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from supervisor_core.store import attempts
from supervisor_core.store import media as media_table
from supervisor_core.store.database import Connection
from supervisor_core.store.media import Media
from supervisor_core.store.owners import is_gone
from supervisor_core.store.rows import ROWS, given, keys


def is_free(media: Media, owner: str, now: datetime) -> bool:
    """True when this owner may take the media now."""
    if media.lease_owner is None or media.lease_owner == owner:
        return True
    return media.lease_until is None or media.lease_until <= now or is_gone(media.lease_owner)


def acquire(
    connection: Connection, wanted: Sequence[Media], owner: str, now: datetime, until: datetime
) -> list[Media]:
    """Takes every free media of these and returns them with their new epochs.

    `wanted` was loaded in this transaction. Attempts that an earlier owner left open are closed.
    """
    free = [media for media in wanted if is_free(media, owner, now)]
    attempts.close_lost(
        connection, [media.media for media in free if media.lease_owner is not None], now
    )
    taken = [
        replace(media, lease_owner=owner, lease_epoch=media.lease_epoch + 1, lease_until=until)
        for media in free
    ]
    media_table.save(connection, taken, now)
    return taken


def renew(connection: Connection, epochs: Mapping[str, int], owner: str, until: datetime) -> None:
    """Moves the end of our leases; those that somebody else took meanwhile are left alone."""
    if not epochs:
        return
    rows = [{"media": media, "lease_epoch": epoch} for media, epoch in epochs.items()]
    connection.execute(
        f"MERGE INTO media USING {ROWS} AS given USING (media, lease_epoch)"
        " WHEN MATCHED AND media.lease_owner = ? THEN UPDATE SET lease_until = ?",
        [*given({"media": "VARCHAR", "lease_epoch": "BIGINT"}, rows), owner, until],
    )


def owners(connection: Connection) -> set[str]:
    """Everybody who holds a media."""
    sql = "SELECT DISTINCT lease_owner FROM media WHERE lease_owner IS NOT NULL"
    return {row[0] for row in connection.execute(sql).fetchall()}


def held_by(connection: Connection, owner: str) -> list[Media]:
    """The media that this owner holds."""
    sql = "SELECT media FROM media WHERE lease_owner = ?"
    mine = [str(row[0]) for row in connection.execute(sql, [owner]).fetchall()]
    return list(media_table.load(connection, mine).values())


def release_dead(connection: Connection, dead: Iterable[str]) -> None:
    """Gives back what owners hold that are gone; the epochs stay, so none of them can publish."""
    connection.execute(
        "UPDATE media SET lease_owner = NULL, lease_until = NULL"  # noqa: S608
        f" WHERE lease_owner IN (SELECT lease_owner FROM {ROWS})",
        keys("lease_owner", dead),
    )


def is_ours(media: Media, owner: str, epoch: int) -> bool:
    """True while the lease taken with this epoch holds."""
    return media.lease_owner == owner and media.lease_epoch == epoch
