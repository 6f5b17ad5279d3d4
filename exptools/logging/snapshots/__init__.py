"""Snapshots of a run's state: which ones are kept, and their files."""
