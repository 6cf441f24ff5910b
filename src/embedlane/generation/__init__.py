"""Requests to models that generate: read and checked, kept in sets, answered in jobs."""
