"""The web server: who may ask, what it answers to, where it listens."""
