"""`edit`: a person's own value of a field, which machines leave alone from then on."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from supervisor_assets.cli import say
from supervisor_assets.cli.chosen import chosen_media
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.installation import existing_store
from supervisor_core.enrichment.prompt import text_of
from supervisor_core.keys import MediaKey, media_id
from supervisor_core.settings import Settings
from supervisor_core.store import fields, prompts, tags
from supervisor_core.store.database import Connection
from supervisor_core.store.fields import Field
from supervisor_core.store.prompts import Origin, StoredPrompt
from supervisor_core.store.tags import HUMAN, Rating

_WHO = "cli"
_TEXT_MAX = 4000


def run(key: str, name: str, value: str | None, *, unlock: bool, as_json: bool) -> None:
    """Writes a value, or gives the field back to machines; either way it is in the audit."""
    if name not in _READERS:
        raise Usage(f"There is no such field; there are: {', '.join(_READERS)}.")
    if (value is None) is not unlock:
        raise Usage("Give a VALUE, or --unlock without one.")
    read = None if value is None else _read(name, value)
    store = existing_store(Settings.load())
    with store.write() as connection:
        media = _media(connection, key)
        now = store.now()
        if unlock:
            after = fields.unlock(connection, media, name, _WHO, now)
        else:
            after = fields.edit(connection, media, name, read, _WHO, now)
            if (also := _ALSO.get(name)) is not None:
                also(connection, media, read, now)
    _show(media, name, after, as_json=as_json)


def _media(connection: Connection, key: str) -> MediaKey:
    found = chosen_media(connection, [key]) or set()
    if len(found) != 1:
        raise Usage(f"MEDIA stands for {len(found)} media; name a single one.")
    return next(iter(found))


def _read(name: str, value: str) -> Any:
    try:
        return _READERS[name](value)
    except ValueError as error:
        raise Usage(f"{name} takes {error}.") from None


def _show(media: MediaKey, name: str, after: Field | None, *, as_json: bool) -> None:
    told = {
        "media": media,
        "field": name,
        "value": after.value if after else None,
        "source": after.source if after else None,
        "locked": after is not None and after.locked,
    }
    if as_json:
        say.data_json(told)
        return
    if after is None:
        say.note(f"{name} of {media_id(media)} was not locked; nothing was changed.")
        return
    value = json.dumps(after.value, ensure_ascii=False)
    say.note(f"{name} of {media_id(media)} is {say.shown(value)} (source {after.source}).")
    kept = "No machine overwrites it; give it back with: edit MEDIA FIELD --unlock."
    say.note(kept if after.locked else "Machines may write it again; it stays until one does.")


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
        number = float(value) if value.replace(".", "", 1).isdigit() else -1.0
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


_READERS: Mapping[str, Callable[[str], Any]] = {
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


def _tag(connection: Connection, media: MediaKey, names: Any, now: Any) -> None:
    """A person's tags are raw tags too: they are brought into order before new media are."""
    tags.put(connection, media, map(tags.tag_of, names), HUMAN, now)


def _sort(connection: Connection, media: MediaKey, names: Any, now: Any) -> None:
    tags.sort_into(connection, media, names, HUMAN, now)


def _rate(connection: Connection, media: MediaKey, stars: Any, now: Any) -> None:
    tags.rate(connection, media, Rating(stars, HUMAN, locked=True), now)


def _prompt(connection: Connection, media: MediaKey, text: Any, now: Any) -> None:
    known = prompts.of(connection, [media]).get(media)
    negative = known.negative if known else ""
    wanted = StoredPrompt(media, text, negative, origin=Origin.HUMAN)
    prompts.put(connection, [wanted], _WHO, now)


_ALSO: Mapping[str, Callable[[Connection, MediaKey, Any, Any], None]] = {
    "tags": _tag,
    "collections": _sort,
    "rating": _rate,
    "prompt": _prompt,
}
