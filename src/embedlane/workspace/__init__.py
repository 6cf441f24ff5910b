"""The front door: one object that wires a config, a ledger and the plugins."""
