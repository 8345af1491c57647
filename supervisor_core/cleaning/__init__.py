"""Taking out of pictures what could say whose they are, and proving that it is gone."""
