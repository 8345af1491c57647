"""Live streams recorded without a gap that is not told: source, segments, proof of each."""
