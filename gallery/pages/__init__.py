"""One module a page; each reads a copy of the store or writes one short transaction."""
