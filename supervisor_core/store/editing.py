"""The fields that a person may write, how a typed text becomes a value, and what else it changes.

Whoever lets people write - command line, API, pages - reads and writes here.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from supervisor_core.enrichment.prompt import text_of
from supervisor_core.keys import MediaKey
from supervisor_core.store import audit, fields, prompts, tags
from supervisor_core.store.audit import Deed
from supervisor_core.store.database import Connection
from supervisor_core.store.fields import Field
from supervisor_core.store.prompts import Origin, StoredPrompt
from supervisor_core.store.tags import HUMAN, Rating

_TEXT_MAX = 4000


def read(name: str, text: str) -> Any:
    """The value that a text stands for; raises ValueError with what the field takes, in words."""
    return FIELDS[name](text)


def write(
    connection: Connection, media: MediaKey, name: str, value: Any, who: str, now: datetime
) -> Field:
    """Writes a person's value, which machines leave alone from then on; it is in the audit."""
    after = fields.edit(connection, media, name, value, who, now)
    if (also := _ALSO.get(name)) is not None:
        also(connection, media, value, who, now)
    return after


def unlock(
    connection: Connection, media: MediaKey, name: str, who: str, now: datetime
) -> Field | None:
    """Gives a field back to machines; None when it was not locked."""
    return fields.unlock(connection, media, name, who, now)


def add_tags(
    connection: Connection, media: Sequence[MediaKey], names: Sequence[str], who: str, now: datetime
) -> None:
    """Gives many media these tags beside those that they have; it is in the audit."""
    tags.add(connection, media, map(tags.tag_of, names), HUMAN, now)
    _extend(connection, media, "tags", names, who, now)


def add_to_collections(
    connection: Connection, media: Sequence[MediaKey], names: Sequence[str], who: str, now: datetime
) -> None:
    """Puts many media into these collections and takes them out of none; it is in the audit."""
    for name in names:
        tags.collect(connection, media, name, HUMAN, now)
    _extend(connection, media, "collections", names, who, now)


def _extend(
    connection: Connection,
    media: Sequence[MediaKey],
    name: str,
    added: Sequence[str],
    who: str,
    now: datetime,
) -> None:
    """Adds to the lists that persons have written; machines go on with all others."""
    known = fields.of(connection, media)
    written = {one: known[one][name] for one in known if name in known[one]}
    longer = {
        one: list(dict.fromkeys([*field.value, *added]))
        for one, field in written.items()
        if field.locked and not set(added) <= set(field.value)
    }
    fields.edit_all(connection, name, longer, who, now)
    said = ", ".join(added)[:_TEXT_MAX]
    audit.write(connection, who, [Deed(f"add_{name}", one, {"added": said}) for one in media], now)


def _text(value: str) -> str:
    text = text_of(value)
    if not 0 < len(text) <= _TEXT_MAX:
        raise ValueError(f"a text of 1 to {_TEXT_MAX} characters")
    return text


def _title(value: str) -> str:
    text = " ".join(text_of(value).split())
    if not 0 < len(text) <= 80:
        raise ValueError("a text of 1 to 80 characters")
    return text


def _share(largest: int) -> Callable[[str], float | int]:
    def read(value: str) -> float | int:
        plain = value.isascii() and value.replace(".", "", 1).isdigit()
        number = float(value) if plain else -1.0
        if not 0 <= number <= largest:
            raise ValueError(f"a number from 0 to {largest}")
        return int(number) if number == int(number) else number

    return read


def _stars(value: str) -> int:
    if value not in tuple("012345"):
        raise ValueError("a whole number from 0 to 5")
    return int(value)


def _word(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"one of: {', '.join(words)}")
        return value

    return read


def _names(value: str) -> list[str]:
    names = [" ".join(text_of(word).split())[:200] for word in value.split(",")]
    found = list(dict.fromkeys(name for name in names if name))
    if not found:
        raise ValueError("names, separated by commas")
    return found


FIELDS: Mapping[str, Callable[[str], Any]] = {
    "caption": _text,
    "title": _title,
    "tags": _names,
    "collections": _names,
    "rating": _stars,
    "quality": _share(100),
    "domain": _word("anime", "photo", "illustration", "3d_render", "screenshot", "adult", "other"),
    "nsfw": _word("safe", "suggestive", "explicit"),
    "prompt": _text,
    "prompt_recon": _text,
}
"""Every field that a person may write, with what reads its text."""


def _tag(connection: Connection, media: MediaKey, names: Any, _: str, now: datetime) -> None:
    """A person's tags are raw tags too: they are brought into order before new media are."""
    tags.put(connection, media, map(tags.tag_of, names), HUMAN, now)


def _sort(connection: Connection, media: MediaKey, names: Any, _: str, now: datetime) -> None:
    tags.sort_into(connection, media, names, HUMAN, now)


def _rate(connection: Connection, media: MediaKey, stars: Any, _: str, now: datetime) -> None:
    tags.rate(connection, media, Rating(stars, HUMAN, locked=True), now)


def _prompt(connection: Connection, media: MediaKey, text: Any, who: str, now: datetime) -> None:
    known = prompts.of(connection, [media]).get(media)
    negative = known.negative if known else ""
    wanted = StoredPrompt(media, text, negative, origin=Origin.HUMAN)
    prompts.put(connection, [wanted], who, now)


_ALSO: Mapping[str, Callable[[Connection, MediaKey, Any, str, datetime], None]] = {
    "tags": _tag,
    "collections": _sort,
    "rating": _rate,
    "prompt": _prompt,
}
