"""A chart as HTML that the server paints: the first picture, and the small charts."""
