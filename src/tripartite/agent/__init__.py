"""One party: its identity key, its wallets, its journal and its consent."""
