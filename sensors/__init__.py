"""What starts runs: one module a trigger, each a thin shell over a pure plan."""
