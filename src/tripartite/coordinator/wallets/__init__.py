"""Wallet RPCs that parties registered: which one serves which escrow and role."""
