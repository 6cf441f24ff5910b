"""Named maps from items to content, each bound to one space for life."""
