"""Everything an agent does with wallet-rpc: wallet files, key exchange, deposits, payouts.

``pool.WalletPool`` is the door; the rest of the package stands behind it.
"""
