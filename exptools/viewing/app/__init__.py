"""The Dash app behind exptools-dash."""
