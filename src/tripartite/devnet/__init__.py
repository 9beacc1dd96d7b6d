"""A whole regtest network with wallets, coordinator and agents, in one call."""
