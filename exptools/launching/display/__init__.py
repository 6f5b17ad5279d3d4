"""How a sweep is shown: the live table, plain lines, the summary."""
