"""The same as the pages, for programs: one table of operations, each with the shape of its JSON."""
