"""The tab Charts: bars, heat maps and the like, beside the curves."""
