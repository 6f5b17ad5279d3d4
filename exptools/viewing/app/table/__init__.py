"""The table of runs: its columns, its rows, and what can be done in it."""
