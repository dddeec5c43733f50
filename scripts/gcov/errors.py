"""The exception whose text is written for the user."""


class GcovError(Exception):
    """An error that the user can fix: the text says what is wrong, where, and what to do about it."""
