"""The public name of the stores: `from gcov.store import open_stack` in a notebook."""

from gcov.stores.store import open_stack  # noqa: F401
