"""The web pages: look, find, review, release. They stand on the core alone."""
