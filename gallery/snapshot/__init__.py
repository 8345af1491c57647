"""What the pages read: the newest published copy of the store, and one table made of it."""

from gallery.snapshot.copy import Copy
from gallery.snapshot.narrowed import narrow
from gallery.snapshot.snapshots import Snapshots

__all__ = ["Copy", "Snapshots", "narrow"]
