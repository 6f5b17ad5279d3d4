"""Tables of results: a cell a group of runs; LaTeX, Markdown and CSV of them."""
