"""What the core brings along: the hash model, and a spool directory that acts as a batch service."""
