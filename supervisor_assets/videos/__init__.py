"""What came in: looked at, judged by policy, hashed and kept."""
