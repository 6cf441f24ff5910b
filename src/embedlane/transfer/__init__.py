"""Files of items with their vectors: what is in them, and how each format is written and read."""
