"""What released files are called: readable, and made of words of ours alone."""

import re
from hashlib import sha256

from supervisor_core.keys import media_id
from supervisor_core.store.exports import Member

NAME = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}/\d{4}-\d\d-\d\d/"
    r"\d{8}_[A-Z2-7]{10}-\d{3,}-[0-9a-f]{16}\.[a-z0-9]{2,5}"
)
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def folder_of(source: str, intake: str) -> str:
    """The folder of an intake's files: its source as the operator calls it, and the UTC day.

    A source whose name can be no folder is called by its hash.
    """
    safe = _SAFE.fullmatch(source) and not source.endswith(".")
    name = source if safe else f"source-{sha256(source.encode()).hexdigest()[:10]}"
    return f"{name}/{intake[:4]}-{intake[4:6]}-{intake[6:8]}"


def start_of(source: str, intake: str) -> tuple[str, str]:
    """The folder of an intake's files, and how their names begin."""
    return folder_of(source, intake), f"{intake}-"


def name_of(member: Member, suffix: str) -> str:
    """`<source>/<YYYY-MM-DD>/<intake>-<number>-<media id>.<suffix>`."""
    name = f"{member.intake}-{member.ordinal:03d}-{media_id(member.media)}.{suffix}"
    return f"{folder_of(member.source, member.intake)}/{name}"
