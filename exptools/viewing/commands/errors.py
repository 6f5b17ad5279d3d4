"""What commands cannot do."""


class NothingError(Exception):
    """There is nothing to do the command with; the message says what is missing."""
