"""What new escrows have to pass: launch limits, and maintenance."""
