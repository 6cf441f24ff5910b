"""What is known of models and plugins beside the cards, as data."""
