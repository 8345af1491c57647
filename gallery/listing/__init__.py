"""The list: which items, in which order, and how many there are of what."""
