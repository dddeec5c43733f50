"""Synthetic granules in the real format, for the demo, the tests and the benchmark."""
