"""What is computed from power: pure functions on blocks (time, y, x), and the reading of blocks from a stack."""
