"""Points the links of raw/ at files that are there, when those that they stood for are gone."""

from collections.abc import Collection, Mapping
from pathlib import Path

from supervisor_core.home import Home
from supervisor_core.keys import Fingerprint, MediaKey
from supervisor_core.media.links import link, sync_disk
from supervisor_core.store import Store, libraries, names
from supervisor_core.store import media as media_table
from supervisor_core.store.media import Media


def relink(store: Store, home: Home, roots: Mapping[str, Path], media: Collection[MediaKey]) -> int:
    """Points the links of these media at another copy in one of these roots, where there is one."""
    with store.read() as connection:
        found = libraries.holders(connection, media)
    held = {one: Fingerprint(name) for one, (source, name) in found.items() if source in roots}
    sources = {one: found[one][0] for one in held}
    return _point(store, home, {one: roots[source] for one, source in sources.items()}, held)


def relink_all(store: Store, home: Home, source: str, root: Path) -> int:
    """Points the links of all media of a root at where it is now."""
    with store.read() as connection:
        held = libraries.present_files(connection, source)
    return _point(store, home, dict.fromkeys(held, root), held)


def _point(
    store: Store,
    home: Home,
    roots: Mapping[MediaKey, Path],
    held: Mapping[MediaKey, Fingerprint],
) -> int:
    if not held:
        return 0
    with store.restricted() as connection:
        paths = names.recall(connection, held.values())
    with store.read() as connection:
        known = media_table.load(connection, held)
    pointed = 0
    for one, name in held.items():
        if name in paths and one in known:
            pointed += _renew(home, known[one], roots[one] / paths[name])
    if pointed:
        sync_disk(home.raw)
    return pointed


def _renew(home: Home, media: Media, target: Path) -> bool:
    """Renews one link; a file of ours, or a target that is not what it was, is left alone."""
    said = home.absolute(media.raw_path)
    try:
        status = target.lstat()
    except OSError:
        return False
    if not said.is_symlink() or status.st_size != media.info.size_bytes:
        return False
    link(target, said, status.st_mtime_ns)
    return True
