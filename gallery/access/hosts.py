"""Under which names the gallery answers: a name made to lead here (DNS rebinding) is none of ours.

Source: RFC 9110 section 7.2. Ports of our own names don't matter here; those of an origin do.
"""

import re
from collections.abc import Sequence

OWN = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?")


def is_trusted(hosts: Sequence[str], more: frozenset[str]) -> bool:
    """True when there is one Host header and it is a name of ours, with or without a port."""
    if len(hosts) != 1:
        return False
    host = hosts[0].lower()
    found = _HOST.fullmatch(host)
    names = OWN | more
    return found is not None and (host in names or found["name"] in names)


def origins_of(host: str, *, https: bool) -> tuple[str, ...]:
    """How a browser writes the origin of our own pages under this name."""
    return (f"{'https' if https else 'http'}://{host.lower()}",)
