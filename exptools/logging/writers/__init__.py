"""Where a row goes: progress.csv, event files, the console."""
