"""What is known of a model: its card, its space, and the registry of both."""
