"""The check before a launch: many escrows with every ending, faults on purpose, and the money counted."""
