"""How the work goes: what waits, runs and failed, how fast it ends, and what people do about it."""
