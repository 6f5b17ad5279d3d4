"""Charts besides curves, each a function in a module of its own.

They take the index in which metrics are read, the runs to show, what to show of them and the theme,
and give plain dicts in Plotly's format, with a sentence that says what is shown. A ``QueryError``
says what is missing where there is nothing to show, or what of the question is not there.
"""
