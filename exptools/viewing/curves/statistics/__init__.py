"""What is computed of the series of several runs, at each point of their common x."""
