"""Agents that the operator runs for parties who registered a wallet RPC."""
