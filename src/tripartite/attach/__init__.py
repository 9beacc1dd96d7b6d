"""Agents that an operator runs for wallet RPCs registered by users."""
