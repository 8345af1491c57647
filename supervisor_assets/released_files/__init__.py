"""Files that a person has let out."""
