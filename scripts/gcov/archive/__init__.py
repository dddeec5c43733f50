"""Access to the archive: searching its catalogue, logging in, and reading byte ranges despite transient faults."""
