"""Media files: what they are, whether policy lets them in, how they are taken, read and written."""
