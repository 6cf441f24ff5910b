"""The seam to services: two interfaces, the values that cross them, and the checks on what returns."""
