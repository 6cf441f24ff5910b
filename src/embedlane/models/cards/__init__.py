"""The cards shipped with the core, as data."""
