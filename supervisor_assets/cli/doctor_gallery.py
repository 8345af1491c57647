"""The part of `doctor` that looks at who may come to the gallery, and by which way."""

from collections import Counter
from ipaddress import ip_address

from gallery.access.keys import Keys
from gallery.access.roles import Role
from supervisor_assets.cli.findings import Finding, fine, warning
from supervisor_core.home import Home
from supervisor_core.settings import Settings


def gallery(settings: Settings) -> Finding:
    """The keys can be used and somebody may keep them; raises `Failed(GALLERY_KEYS_UNUSABLE)`."""
    keys = Keys(Home(settings.home.absolute()))
    counted = Counter(key.role for key in keys.all())
    if keys.file.mark() is None:
        return fine("gallery", "no keys yet: the first is made when it starts")
    said = ", ".join(f"{counted[role]} {role}" for role in Role if counted[role]) or "none"
    if not counted[Role.ADMIN]:
        fix = "Run: supervisor-assets gallery keys add NAME --role admin"
        return warning("gallery", f"keys: {said}; nobody may run the queue", fix)
    if not (settings.gallery_https or ip_address(settings.gallery_bind).is_loopback):
        fix = "Have a server with TLS in front of it, and set SUPERVISOR_GALLERY_HTTPS."
        return warning("gallery", f"keys: {said}; they go over the network in the open", fix)
    return fine("gallery", f"keys: {said}")
