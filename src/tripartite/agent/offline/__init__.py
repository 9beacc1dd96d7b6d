"""Finishing an escrow without the coordinator: kits, and records handed over as files."""
