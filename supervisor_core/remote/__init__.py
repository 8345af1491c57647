"""Files that are not on this machine: the one door that turns a reference into a local path."""
