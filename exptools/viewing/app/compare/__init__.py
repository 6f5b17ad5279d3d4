"""The tab Compare: curves of groups, and what can be exported."""
