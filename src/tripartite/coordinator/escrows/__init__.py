"""The row kept for each escrow, and what its parties may read of it."""
