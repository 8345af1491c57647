"""Folders of pictures and videos that stay where they are: what lies there and what changed."""
