"""`edit`: a person's own value of a field, which machines leave alone from then on."""

import json
from typing import Any

from supervisor_assets.cli import say
from supervisor_assets.cli.chosen import chosen_media
from supervisor_assets.cli.edge import Usage
from supervisor_assets.cli.installation import existing_store
from supervisor_core.keys import MediaKey, media_id
from supervisor_core.settings import Settings
from supervisor_core.store import editing
from supervisor_core.store.database import Connection
from supervisor_core.store.editing import FIELDS
from supervisor_core.store.fields import Field

_WHO = "cli"


def run(key: str, name: str, value: str | None, *, unlock: bool, as_json: bool) -> None:
    """Writes a value, or gives the field back to machines; either way it is in the audit."""
    if name not in FIELDS:
        raise Usage(f"There is no such field; there are: {', '.join(FIELDS)}.")
    if (value is None) is not unlock:
        raise Usage("Give a VALUE, or --unlock without one.")
    read = None if value is None else _read(name, value)
    store = existing_store(Settings.load())
    with store.write() as connection:
        media = _media(connection, key)
        now = store.now()
        if unlock:
            after = editing.unlock(connection, media, name, _WHO, now)
        else:
            after = editing.write(connection, media, name, read, _WHO, now)
    _show(media, name, after, as_json=as_json)


def _media(connection: Connection, key: str) -> MediaKey:
    found = chosen_media(connection, [key]) or set()
    if len(found) != 1:
        raise Usage(f"MEDIA stands for {len(found)} media; name a single one.")
    return next(iter(found))


def _read(name: str, value: str) -> Any:
    try:
        return editing.read(name, value)
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
