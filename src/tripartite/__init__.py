"""Non-custodial 2-of-3 multisig escrow for Monero."""
