"""A directory → what it is: which library wrote the run that lies there, and its config."""
