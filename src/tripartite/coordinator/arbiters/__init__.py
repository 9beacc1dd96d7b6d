"""Arbiters as accounts with a role, and whose turn it is."""
