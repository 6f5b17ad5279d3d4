"""Earlier attempts at a run: which of their rows and media count, and where the others go."""
