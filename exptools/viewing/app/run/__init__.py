"""The tab Run: all that one run left behind."""
