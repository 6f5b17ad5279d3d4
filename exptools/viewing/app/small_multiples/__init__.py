"""All metrics at once: a small chart of each, painted by the server as it comes into view."""
