"""The tab Media: what the runs have logged besides numbers, side by side, at one step."""
