"""Small pictures of cleaned files."""
