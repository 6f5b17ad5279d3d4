"""The current row: tags, numbers, prefixes, and statistics of batches."""
