"""Clients of Monero's own daemons, and the means to run them."""
