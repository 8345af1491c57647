"""The cleaned and verified form of what came in."""
