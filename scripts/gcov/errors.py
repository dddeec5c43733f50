"""The one exception whose text is written for the user."""


class GcovError(Exception):
    """Something the user can mend: the text says what is wrong, where, and what to do about it."""
