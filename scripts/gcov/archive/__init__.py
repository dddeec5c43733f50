"""The archive: finding granules in its catalogue, logging in, and reading byte ranges through its faults."""
