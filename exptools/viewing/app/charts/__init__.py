"""The tab Pictures: bars, heat maps and the like, beside the curves."""
