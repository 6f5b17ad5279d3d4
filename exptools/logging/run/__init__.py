"""The open run: its directory, its locks, its attempts, and Hydra's part in it."""
