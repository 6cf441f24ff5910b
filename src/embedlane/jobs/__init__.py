"""Provider batch jobs: states, rows, batch files, and the manager that drives them."""
