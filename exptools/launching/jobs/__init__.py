"""One job's process: when it starts, how it is started, and how it ended."""
