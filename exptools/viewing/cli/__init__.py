"""The command lines: ``exptools`` and ``exptools-dash``."""
