"""What was found in raw files, once a stricter word says that these are to be cleaned."""

from collections.abc import Sequence

from supervisor_core.keys import MediaKey
from supervisor_core.store import analyses, enrichments, exif, fingerprints, prompts, tags
from supervisor_core.store.database import Connection


def take_back(connection: Connection, media: Sequence[MediaKey]) -> None:
    """Removes all that files said of themselves and that anybody but a person found in them.

    Each may hold what is to be masked, or tell what it was made of.
    """
    for table in (prompts, exif, tags, enrichments, fingerprints, analyses):
        table.forget(connection, media)
