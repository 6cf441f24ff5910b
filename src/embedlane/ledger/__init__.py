"""The database: its schema, its migrations, its transactions."""
