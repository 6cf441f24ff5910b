"""The configuration: where it is found, and what it says."""
