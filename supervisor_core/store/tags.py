"""Tags, collections and stars of media, each with who says so.

Every source has its own: what one says next replaces what it said before, except what is locked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from supervisor_core.keys import MediaKey
from supervisor_core.store.database import Connection
from supervisor_core.store.rows import ROWS, fetch_about, given, insert, keys

FILE = "file"
HUMAN = "human"
STARS_MAX = 5

_TAG = {
    "media": "VARCHAR",
    "namespace": "VARCHAR",
    "name": "VARCHAR",
    "source": "VARCHAR",
    "confidence": "DOUBLE",
    "locked": "BOOLEAN",
    "updated": "TIMESTAMPTZ",
}
_MEMBER = {
    "media": "VARCHAR",
    "collection": "VARCHAR",
    "source": "VARCHAR",
    "added": "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class Tag:
    """One tag of a media; `source` is file, human or model:<mode>, confidence 0-1 if it is known.

    The namespace is empty for tags that have none.
    """

    name: str
    namespace: str = ""
    source: str = FILE
    confidence: float | None = None
    locked: bool = False


@dataclass(frozen=True)
class Rating:
    """0 to 5 stars, and who gives them."""

    stars: int
    source: str
    locked: bool = False


def tag_of(word: str) -> Tag:
    """The tag that people write as `name` or `namespace:name`."""
    space, _, name = word.rpartition(":")
    return Tag(name.strip(), space.strip()) if name.strip() else Tag(word)


def of(connection: Connection, media: Iterable[str]) -> dict[MediaKey, list[Tag]]:
    """The tags of these media from all sources, sorted; media without any are left out."""
    sorted_by = "ORDER BY media, namespace, name, source"
    found: dict[MediaKey, list[Tag]] = {}
    for row in fetch_about(connection, "tag", media, sorted_by):
        values = {name: row[name] for name in Tag.__dataclass_fields__}
        tag = Tag(**values)  # type: ignore[arg-type]
        found.setdefault(MediaKey(str(row["media"])), []).append(tag)
    return found


def put(
    connection: Connection, media: MediaKey, tags: Iterable[Tag], source: str, now: datetime
) -> None:
    """Writes what one source says of one media; see `put_all`."""
    put_all(connection, {media: list(tags)}, source, now)


def put_all(
    connection: Connection,
    found: Mapping[MediaKey, Iterable[Tag]],
    source: str,
    now: datetime,
) -> None:
    """Writes the tags that a source gives these media, in place of its former ones.

    Its locked ones stay as they are. The source is that of the call, whatever the tags say.
    """
    connection.execute(
        f"DELETE FROM tag WHERE source = ? AND NOT locked AND media IN (SELECT media FROM {ROWS})",  # noqa: S608
        [source, *keys("media", found)],
    )
    kept = of(connection, found)
    rows = []
    for media, tags in found.items():
        taken = {(t.namespace, t.name) for t in kept.get(media, []) if t.source == source}
        for tag in tags:
            if (tag.namespace, tag.name) not in taken:
                taken.add((tag.namespace, tag.name))
                rows.append({**vars(tag), "media": media, "source": source, "updated": now})
    insert(connection, "tag", _TAG, rows)


def add(
    connection: Connection,
    media: Iterable[MediaKey],
    tags: Iterable[Tag],
    source: str,
    now: datetime,
) -> None:
    """Adds what a source says to what it has said of these media before."""
    wanted = list(dict.fromkeys(tags))
    rows = [
        {**vars(tag), "media": one, "source": source, "updated": now}
        for one in dict.fromkeys(media)
        for tag in wanted
    ]
    connection.execute(
        f"INSERT INTO tag BY NAME SELECT given.* FROM {ROWS} AS given"  # noqa: S608
        " ANTI JOIN tag USING (media, namespace, name, source)",
        given(_TAG, rows),
    )


def forget(connection: Connection, media: Iterable[str]) -> None:
    """Removes what files said of these media: they are cleaned now."""
    values = [FILE, *keys("media", media)]
    for table in ("tag", "rating"):
        connection.execute(
            f"DELETE FROM {table} WHERE source = ? AND media IN (SELECT media FROM {ROWS})",  # noqa: S608
            values,
        )


def collect(
    connection: Connection, media: Iterable[MediaKey], collection: str, source: str, now: datetime
) -> None:
    """Puts media into a collection; those that are in it stay as they are."""
    members = members_of(connection, collection)
    rows = [
        {"media": one, "collection": collection, "source": source, "added": now}
        for one in dict.fromkeys(media)
        if one not in members
    ]
    insert(connection, "collection_member", _MEMBER, rows)


def sort_into(
    connection: Connection, media: MediaKey, names: Iterable[str], source: str, now: datetime
) -> None:
    """Has a media be in these collections and in no other, as far as this source says."""
    connection.execute(
        "DELETE FROM collection_member WHERE media = ? AND source = ?", [media, source]
    )
    for name in names:
        collect(connection, [media], name, source, now)


def members_of(connection: Connection, collection: str) -> set[MediaKey]:
    """The media of a collection."""
    sql = "SELECT media FROM collection_member WHERE collection = ?"
    return {MediaKey(row[0]) for row in connection.execute(sql, [collection]).fetchall()}


def rate(connection: Connection, media: MediaKey, rating: Rating, now: datetime) -> bool:
    """Writes the stars of a media unless another source has locked them; says whether it did.

    Raises `ValueError` for other than 0 to 5 stars.
    """
    if not 0 <= rating.stars <= STARS_MAX:
        raise ValueError("0 to 5 stars")
    known = ratings_of(connection, [media]).get(media)
    if known and known.locked and known.source != rating.source:
        return False
    connection.execute("DELETE FROM rating WHERE media = ?", [media])
    connection.execute(
        "INSERT INTO rating BY NAME (SELECT ? AS media, ?::INTEGER AS stars, ? AS source,"
        " ?::BOOLEAN AS locked, ?::TIMESTAMPTZ AS updated)",
        [media, rating.stars, rating.source, rating.locked, now],
    )
    return True


def ratings_of(connection: Connection, media: Iterable[str]) -> dict[MediaKey, Rating]:
    """The stars of these media, where they have any."""
    return {
        MediaKey(str(row["media"])): Rating(
            int(str(row["stars"])), str(row["source"]), bool(row["locked"])
        )
        for row in fetch_about(connection, "rating", media)
    }
