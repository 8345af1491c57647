"""Recording sessions: a stream is recorded, its segments are joined and handed over as videos."""
