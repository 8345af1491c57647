"""All that is known of one item, read from one copy at one moment."""

from gallery.detail.reading import Detail, read

__all__ = ["Detail", "read"]
