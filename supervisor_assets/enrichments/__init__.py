"""Nine ways to say more about a library's files, each an asset of its own."""
