"""How all goes, in numbers: what a monitor asks for again and again."""
