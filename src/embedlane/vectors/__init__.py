"""From (space, content hash) to a vector: the archive, what is pending, and the sync lane that fills it."""
