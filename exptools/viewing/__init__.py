"""View: find runs, say what differs between them, draw their curves."""
