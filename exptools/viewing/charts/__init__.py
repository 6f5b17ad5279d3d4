"""Charts besides curves, each a function of runs and options in a module of its own.

They are plain dicts in Plotly's format, with a sentence that says what is shown. Where there is
nothing to show, a ``QueryError`` says what is missing.
"""
