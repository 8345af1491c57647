"""Libraries of pictures and videos: the prompts they were made from, fingerprints, duplicates."""
