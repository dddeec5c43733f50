"""Analyses of linear power: pure functions on blocks (time, y, x), and reading such blocks from a stack."""
