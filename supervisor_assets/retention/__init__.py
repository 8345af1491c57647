"""What Dagster keeps of runs, and for how long."""
