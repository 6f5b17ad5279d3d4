"""A run's files → columns of numbers, and what is remembered of them."""
