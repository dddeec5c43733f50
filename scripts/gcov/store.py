"""The public names of the stores, for notebooks; `open_stack` is the former name of `open_store`."""

from gcov.stores.store import open_stack, open_store  # noqa: F401
