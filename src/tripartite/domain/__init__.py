"""What is true: pure decisions, standard library only (the curve check excepted)."""
