"""Clients of ``monerod`` and ``monero-wallet-rpc``, and the processes themselves."""
