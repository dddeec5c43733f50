"""Synthetic granules in the product's format, for the demo, the tests and the benchmark."""
